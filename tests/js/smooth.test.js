// The picture of the game: smooth fields, gliding points, and the sentence about a push.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ease, glide, pushWords, refineField, wayOf } from "../../genlab/ui/static/live/smooth.js";

test("a refined field has no steps as high as those between cells", () => {
  const cells = 12;
  const values = Array.from({ length: cells * cells }, (_, k) => {
    const [i, j] = [k % cells, Math.floor(k / cells)];
    return 1 / (1 + Math.exp(-(i - 5.5) - 0.3 * (j - 5.5)));
  });
  const fine = /** @type {number[]} */ (refineField(values, cells, 4));
  assert.equal(fine.length, 16 * cells * cells);
  /** @param {number[]} field @param {number} side */
  const highest = (field, side) =>
    Math.max(...field.map((v, k) => (k % side ? Math.abs(v - field[k - 1]) : 0)));
  assert.ok(highest(fine, 4 * cells) < 0.35 * highest(values, cells));
  // Where the fine field has the middle of a coarse cell between four of its own, it agrees.
  for (const k of [30, 65, 77]) {
    const [i, j] = [k % cells, Math.floor(k / cells)];
    const around = [1, 2].flatMap((m) =>
      [1, 2].map((n) => fine[(4 * j + m) * 4 * cells + 4 * i + n]),
    );
    const mean = around.reduce((a, b) => a + b) / 4;
    assert.ok(Math.abs(mean - values[k]) < 0.01);
  }
  assert.ok(Math.min(...fine) >= Math.min(...values));
  assert.ok(Math.max(...fine) <= Math.max(...values));
});

test("what is unknown stays unknown, and takes nothing from its neighbours", () => {
  const fine = refineField([0, 0, 0, null], 2, 2);
  assert.equal(fine[15], null);
  assert.ok(fine.slice(0, 2).every((value) => value === 0));
});

test("points glide from one picture to the next and arrive", () => {
  /** @type {[number, number][]} */
  const from = [[0, 0]];
  /** @type {[number, number][]} */
  const to = [[1, 2]];
  assert.deepEqual(glide(from, to, 0), [[0, 0]]);
  assert.deepEqual(glide(from, to, 0.5), [[0.5, 1]]);
  assert.deepEqual(glide(from, to, 1), to);
  assert.deepEqual(glide([], to, 0.5), to);
  assert.deepEqual([ease(0), ease(1)], [0, 1]);
  assert.ok(ease(0.5) > 0.5);
});

test("the direction of a push is said in words", () => {
  assert.equal(wayOf([1, 0]), "right");
  assert.equal(wayOf([0, 1]), "up");
  assert.equal(wayOf([-1, -1]), "down and left");
  assert.equal(wayOf([1, -1]), "down and right");
  assert.equal(wayOf([-1, 0.01]), "left");
});

test("the sentence of a push names what D is here and there", () => {
  assert.equal(
    pushWords("D", [-1, 1], 0.123, 0.8),
    "This generated point is pulled up and left, because D is 0.12 here and 0.80 there.",
  );
  assert.match(pushWords("D", [1, 0], 0.9, 0.2), /further on the way it is 0.20/);
  assert.match(pushWords("D", [1, 0], 0.5, 0.501), /rises slowly/);
  assert.equal(pushWords("D", [1, 0], null, 0.2), "");
});
