// The bands of a study: their area, the run that is named, and what is saved of them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bandWords } from "../../genlab/ui/static/live/bands.js";
import { chartTable } from "../../genlab/ui/static/live/chart_file.js";
import { nearestRun } from "../../genlab/ui/static/live/chart_tip.js";
import { pauseBetween } from "../../genlab/ui/static/live/poller.js";
import { areaPath, linePath } from "../../genlab/ui/static/live/series.js";
import { TimeAxis } from "../../genlab/ui/static/live/time_axis.js";

/** @param {number} v */
const same = (v) => v;

test("an area goes along its upper end and back along the lower one", () => {
  assert.equal(
    areaPath([0, 1, 2], [1, 2, 3], [4, 5, 6], same, same, false),
    "M0.0 4.0L1.0 5.0L2.0 6.0L2.0 3.0L1.0 2.0L0.0 1.0Z",
  );
  assert.equal(areaPath([], [], [], same, same, false), "");
});

test("an area is interrupted where an end is missing", () => {
  const path = areaPath([0, 1, 2, 3], [1, null, 3, 3], [4, 5, 6, 7], same, same, false);
  assert.equal(path, "M0.0 4.0L0.0 1.0ZM2.0 6.0L3.0 7.0L3.0 3.0L2.0 3.0Z");
});

test("on a logarithmic axis an end that cannot be shown lies at the floor", () => {
  assert.equal(
    areaPath([0, 1, 2], [-1, 0.5, -3], [4, 5, 0], same, same, true, 0.25),
    "M0.0 4.0L1.0 5.0L1.0 0.5L0.0 0.3Z",
  );
});

test("the readings of a thin run have no rings", () => {
  const line = { x: [0, 1], y: [2, 3] };
  assert.match(linePath(line, same, same, false), /a2 2/);
  assert.equal(linePath(line, same, same, false, false), "M0.0 2.0L1.0 3.0");
});

test("the pointer names the run that is nearest, and none that is far", () => {
  const trace = /** @type {any} */ ({});
  const places = [10, 60, 64].map((y, i) => ({ trace, name: `seed ${i}`, value: i, y }));
  assert.equal(nearestRun(places, 12)?.name, "seed 0");
  assert.equal(nearestRun(places, 61.9)?.name, "seed 1");
  assert.equal(nearestRun(places, 62.1)?.name, "seed 2");
  assert.equal(nearestRun(places, 200), null);
  assert.equal(nearestRun(places, null), null);
  assert.equal(nearestRun([], 10), null);
});

test("the note of the chart says what the band is", () => {
  assert.match(bandWords("from the lowest to the highest seed"), /Band: from the lowest to the hi/);
});

test("a saved band has its ends and each of its runs", () => {
  const style = { title: "A", note: "", colour: "", dash: "", truth: null, truthLabel: "" };
  const more = [
    { title: "A, low", y: [1, 2] },
    { title: "A, high", y: [3, null] },
    { title: "A, seed 0", y: [1, 4] },
  ];
  const band = { x: [5, 6], at: [5, 6], y: [2, 3], hidden: false, style, more };
  const line = { x: [6], at: [6], y: [9], hidden: false, style: { ...style, title: "B" } };
  assert.deepEqual(chartTable(new Map(Object.entries({ band, line })), [0, 9], false), [
    ["step", "A", "A, low", "A, high", "A, seed 0", "B"],
    [5, 2, 1, 3, 1, null],
    [6, 3, 2, null, 4, 9],
  ]);
});

test("runs are asked more often in slow motion and after a click", () => {
  const fast = { over: false, status: "running", speed: 900 };
  const slow = { over: false, status: "running", speed: 3 };
  const ended = { over: true, status: "done", speed: 0 };
  assert.equal(pauseBetween([fast], 60_000), 1000);
  assert.equal(pauseBetween([fast, slow], 60_000), 250);
  assert.equal(pauseBetween([fast], 100), 120);
  assert.equal(pauseBetween([ended], 100), 1000);
});

test("a change from steps to seconds stays at the step of the first run", async () => {
  const times = { step: [0, 100], seconds: [0, 50] };
  const run = /** @type {any} */ ({ step: 100, times, frames: { p: [0, 60] } });
  run.fetchTimes = () => Promise.resolve();
  const axis = new TimeAxis(() => [run]);
  assert.deepEqual([axis.live, axis.last(), axis.stepOf(run)], [true, 100, null]);
  axis.at = 40;
  await new Promise((done) => axis.count("seconds", () => done(null)));
  assert.deepEqual([axis.at, axis.last(), axis.stepOf(run)], [20, 50, 40]);
  assert.deepEqual(axis.neighbour(1), { at: 30 });
  let isDone = false;
  axis.count("step", () => (isDone = true));
  assert.deepEqual([axis.at, isDone], [40, true]);
  run.frames = {};
  assert.equal(axis.neighbour(1), null);
});
