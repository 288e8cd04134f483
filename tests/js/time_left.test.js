// The time left of a run, from step times that are made up.

import assert from "node:assert/strict";
import { test } from "node:test";

import { TimeLeft } from "../../genlab/ui/static/live/time_left.js";

/**
 * Tells what is said each second.
 * @param {(second: number) => number} stepAt step that the run has reached
 * @param {number} seconds for which it is watched
 * @param {number} steps of the whole run
 */
function watch(stepAt, seconds, steps) {
  const left = new TimeLeft();
  return Array.from({ length: seconds }, (_, k) => {
    left.add(1000 * k, Math.floor(stepAt(k)));
    return left.seconds(steps);
  });
}

test("at an even speed the time left is right, after some seconds", () => {
  const said = watch((t) => 50 * t, 20, 5000);
  assert.deepEqual(said.slice(0, 4), [null, null, null, null]);
  said.slice(4).forEach((value, k) => assert.equal(value, Math.ceil(100 - (k + 4))));
});

test("nothing is said of a run that has just begun and is still starting", () => {
  // One step in the first second, 900 a second from the third on: at first 10,000 s were said.
  const said = watch((t) => (t < 3 ? t : 900 * (t - 2)), 12, 10000);
  const first = said.findIndex((value) => value !== null);
  assert.ok(first >= 4);
  for (const [k, value] of said.entries()) {
    if (value === null) continue;
    const truth = (10000 - 900 * (k - 2)) / 900;
    assert.ok(Math.abs(value - truth) <= 0.35 * truth + 2, `${value} s instead of ${truth} s`);
  }
});

test("nothing is said while the pace grows with the steps", () => {
  const said = watch((t) => 8 * Math.exp(0.25 * t), 25, 1e6);
  assert.ok(said.every((value) => value === null));
});

test("nothing is said of a run that stands still", () => {
  assert.ok(watch(() => 100, 20, 5000).every((value) => value === null));
});

test("noise of the speed does not make the estimate come and go", () => {
  const noisy = (/** @type {number} */ t) => 100 * t + 30 * Math.sin(7 * t);
  const said = watch(noisy, 30, 10000).slice(10);
  assert.ok(said.every((value) => value !== null));
});

test("a run that was resumed from an earlier step is watched anew", () => {
  const left = new TimeLeft();
  for (let k = 0; k < 10; k++) left.add(1000 * k, 100 * k);
  assert.notEqual(left.seconds(5000), null);
  left.add(10000, 300);
  assert.equal(left.seconds(5000), null);
});
