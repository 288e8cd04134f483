// Brushes on a grid of weights.

import assert from "node:assert/strict";
import { test } from "node:test";

import { stamp, strength, stroke, toBytes } from "../../genlab/ui/static/density/brush.js";

/** @param {Float32Array} weights */
const total = (weights) => weights.reduce((a, b) => a + b, 0);

test("a brush is full in its core and nothing from its radius on", () => {
  assert.equal(strength(0, 4), 1);
  assert.equal(strength(2, 4), 1);
  assert.equal(strength(4, 4), 0);
  assert.ok(strength(3, 4) > 0 && strength(3, 4) < 1);
});

test("painting covers a disc, stays in the box, and erasing removes it", () => {
  const weights = new Float32Array(64 * 64);
  stamp(weights, 64, [32, 32], 4, "paint");
  assert.ok(total(weights) > Math.PI * 4 && total(weights) < Math.PI * 25);
  assert.equal(weights[32 * 64 + 32], 1);
  stamp(weights, 64, [0.2, 63.9], 3, "paint");
  assert.equal(weights[63], 1);
  assert.equal(weights[63 * 64], 0);
  stamp(weights, 64, [32, 32], 20, "erase");
  assert.equal(weights[32 * 64 + 32], 0);
  assert.equal(weights[63], 1);
});

test("the smallest brush reaches the cell under it", () => {
  const weights = new Float32Array(64 * 64);
  stamp(weights, 64, [10.5, 20.5], 0.5, "paint");
  assert.deepEqual([weights[10 * 64 + 20], total(weights)], [1, 1]);
});

test("a bump adds and never exceeds one", () => {
  const weights = new Float32Array(64 * 64);
  for (let i = 0; i < 3; i++) stamp(weights, 64, [32, 32], 2, "point");
  assert.ok(Math.max(...weights) === 1);
  assert.ok(Math.abs(weights[30 * 64 + 32] - weights[33 * 64 + 32]) < 1e-6, "symmetric");
});

test("a stroke on the line interpolates heights, whichever way it goes", () => {
  const there = new Float32Array(64);
  const back = new Float32Array(64);
  stroke(there, [10, 0.2], [20, 0.8], 1, "paint");
  stroke(back, [20, 0.8], [10, 0.2], 1, "paint");
  for (let i = 11; i < 20; i++) {
    assert.ok(there[i] > there[i - 1]);
    assert.ok(Math.abs(there[i] - back[i]) < 1e-6);
  }
  assert.equal(there[9], 0);
  assert.equal(there[22], 0);
  stroke(there, [12, 1], [14, 1], 1, "erase");
  assert.equal(there[13], 0);
});

test("bytes keep what is faint and forget what is nothing", () => {
  assert.deepEqual([...toBytes(Float32Array.of(0, 0.001, 0.003, 0.5, 1))], [0, 0, 1, 128, 255]);
});
