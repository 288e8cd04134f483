// The live view: what is shown when, and how numbers become lines.

import assert from "node:assert/strict";
import { test } from "node:test";

import { densityRange, densitySummary } from "../../genlab/ui/static/live/density.js";
import { FORMS } from "../../genlab/ui/static/live/forms.js";
import { byteValue } from "../../genlab/ui/static/live/bytes.js";
import { arrowAt, excessWords, nearestTime } from "../../genlab/ui/static/live/flow_field.js";
import { cellIndex, gapSummary } from "../../genlab/ui/static/live/gap.js";
import { sharedNames, splitGroup } from "../../genlab/ui/static/live/groups.js";
import { sheetLayout } from "../../genlab/ui/static/live/images.js";
import { barShare, topExponent } from "../../genlab/ui/static/live/ledger.js";
import {
  boxOfPoints,
  hasSimilarSides,
  labelStride,
  sharesOf,
} from "../../genlab/ui/static/live/plots.js";
import {
  addEvent,
  eventLabel,
  isActive,
  LiveRun,
  mergeSteps,
  newestEvents,
} from "../../genlab/ui/static/live/run.js";
import { progressText } from "../../genlab/ui/static/live/run_head.js";
import {
  appendPoints,
  linePath,
  valueRange,
  valuesInView,
} from "../../genlab/ui/static/live/series.js";
import {
  axisToStep,
  frameStep,
  neighbourFrame,
  stepToAxis,
} from "../../genlab/ui/static/live/timeline.js";

const TIMES = { step: [0, 100, 200], seconds: [0, 10, 50] };

test("steps and seconds are each other's inverse where times are known", () => {
  assert.equal(stepToAxis("step", null, 42), 42);
  assert.equal(stepToAxis("seconds", TIMES, 150), 30);
  assert.equal(axisToStep("seconds", TIMES, 30), 150);
  for (const step of [0, 7, 99, 100, 163, 200]) {
    assert.ok(
      Math.abs(axisToStep("seconds", TIMES, stepToAxis("seconds", TIMES, step)) - step) < 1e-9,
    );
  }
  assert.equal(stepToAxis("seconds", null, 42), 0);
});

test("one run shows its last picture at or before the slider", () => {
  const steps = [0, 50, 100];
  assert.equal(frameStep(steps, null, false), 100);
  assert.deepEqual(
    [0, 49, 50, 99, 100, 500].map((at) => frameStep(steps, at, false)),
    [0, 0, 50, 50, 100, 100],
  );
  assert.equal(frameStep([10, 20], 3, false), 10);
  assert.equal(frameStep([], 3, false), undefined);
  assert.equal(frameStep([], null, true), undefined);
  // Seconds there and back may fall short of the step by rounding.
  assert.equal(frameStep(steps, 49.9999999, false), 50);
});

test("several runs show the picture nearest to the slider", () => {
  const steps = [0, 50, 100];
  assert.deepEqual(
    [0, 24, 26, 70, 80, 500].map((at) => frameStep(steps, at, true)),
    [0, 0, 50, 50, 100, 100],
  );
});

test("arrow keys go from picture to picture, and behind the newest the view is live", () => {
  const steps = [0, 50, 100];
  assert.equal(neighbourFrame(steps, 50, 1), 100);
  assert.equal(neighbourFrame(steps, 50, -1), 0);
  assert.equal(neighbourFrame(steps, 60, -1), 50);
  assert.equal(neighbourFrame(steps, 60, 1), 100);
  assert.equal(neighbourFrame(steps, null, -1), 50);
  assert.equal(neighbourFrame(steps, null, 1), null);
  assert.equal(neighbourFrame(steps, 100, 1), null);
  assert.equal(neighbourFrame(steps, 0, -1), 0);
});

test("a resumed run replaces what it goes over again", () => {
  const series = { x: [], y: [] };
  appendPoints(series, [1, 2, 3], [10, 20, 30]);
  appendPoints(series, [4], [40]);
  assert.deepEqual(series, { x: [1, 2, 3, 4], y: [10, 20, 30, 40] });
  appendPoints(series, [3, 4, 5], [31, null, 51]);
  assert.deepEqual(series, { x: [1, 2, 3, 4, 5], y: [10, 20, 31, null, 51] });
  appendPoints(series, [], []);
  assert.equal(series.x.length, 5);
  appendPoints(series, [0], [7]);
  assert.deepEqual(series, { x: [0], y: [7] });
});

test("the range of values has one point beyond each end, and no gaps", () => {
  const series = { x: [0, 10, 20, 30, 40], y: [1, 2, null, 4, 5] };
  assert.deepEqual(valuesInView(series, 12, 28), [2, 4]);
  assert.deepEqual(valuesInView(series, -10, 100), [1, 2, 4, 5]);
  assert.deepEqual(valuesInView({ x: [], y: [] }, 0, 1), []);
});

test("the vertical axis has a margin, also without any spread", () => {
  const [low, high] = valueRange([0, 100], false);
  assert.ok(Math.abs(low + 6) < 1e-9 && Math.abs(high - 106) < 1e-9);
  assert.deepEqual(valueRange([], false), [0, 1]);
  assert.deepEqual(valueRange([5, 5], false), [4.5, 5.5]);
  assert.deepEqual(valueRange([0, 0], false), [-0.5, 0.5]);
  const [bottom, top] = valueRange([0.01, 100, -5, 0], true);
  assert.ok(Math.abs(bottom + 2.24) < 1e-9 && Math.abs(top - 2.24) < 1e-9);
  assert.deepEqual(valueRange([-1], true), [0, 1]);
});

test("a path stops at values that cannot be drawn, and few readings have rings", () => {
  const same = (v) => v;
  const path = linePath({ x: [0, 1, 2, 3], y: [1, null, 3, 4] }, same, same, false);
  assert.equal(path.split("m-2 0")[0], "M0.0 1.0M2.0 3.0L3.0 4.0M0.0 1.0");
  assert.equal((path.match(/a2 2/g) ?? []).length, 6);
  const log = linePath({ x: [0, 1, 2], y: [1, -1, 2] }, same, same, true);
  assert.ok(log.startsWith("M0.0 1.0M2.0 2.0M"));
  const many = Array.from({ length: 41 }, (_, i) => i);
  assert.ok(!linePath({ x: many, y: many }, same, same, false).includes("a2 2"));
});

const LINE = { title: "", note: "", truth: null, truth_label: "" };
const GROUP = {
  key: "loss/nats",
  title: "Loss terms",
  note: "nats",
  lines: [
    { ...LINE, name: "elbo", title: "ELBO", note: "exact" },
    { ...LINE, name: "kl", title: "KL" },
  ],
};

test("numbers that several runs have are found once", () => {
  const other = { ...GROUP, lines: [GROUP.lines[0], { ...LINE, name: "beta" }] };
  assert.deepEqual(sharedNames([[GROUP], [other]]), ["elbo"]);
  assert.deepEqual(sharedNames([[GROUP, GROUP]]), []);
  assert.deepEqual(sharedNames([]), []);
});

test("a shared number gets a chart of its own, the rest stays in its group", () => {
  const [own, rest] = splitGroup(GROUP, new Set(["elbo"]));
  assert.deepEqual([own.key, own.title, own.note], ["loss/nats elbo", "ELBO", "nats, exact"]);
  assert.deepEqual(own.lines, [{ ...LINE, name: "elbo", title: "", note: "" }]);
  assert.deepEqual(
    rest.lines.map((line) => line.name),
    ["kl"],
  );
  assert.deepEqual(splitGroup(GROUP, new Set()), [GROUP]);
  assert.equal(splitGroup(GROUP, new Set(["elbo", "kl"])).length, 2);
});

/** @param {object} more fields of an answer */
function answer(more) {
  const status = { status: "running", step: 10, steps: 100, speed: 5, eta: 18, attempt: 1 };
  return { ...status, position: null, message: "", ...more };
}

test("a run does not go back to an older step, and is read again after a resumption", () => {
  const run = new LiveRun("r", null);
  assert.equal(run.takeStatus(answer({ step: 50 })), "full");
  run.cursor = 7;
  assert.equal(run.takeStatus(answer({ step: 40 })), "part");
  assert.equal(run.step, 50);
  assert.equal(run.takeStatus(answer({ step: 20, attempt: 2 })), "again");
  assert.deepEqual([run.step, run.cursor], [20, 0]);
  run.cursor = 9;
  assert.equal(run.takeStatus(answer({ step: 60, attempt: 2, status: "done" })), "again");
  assert.ok(!isActive(run.status) && isActive("paused") && !isActive(undefined));
});

test("events have a label and are known once", () => {
  const error = { step: 1200, level: "error", message: "elbo is not finite" };
  assert.equal(eventLabel(error, "diverged"), "diverged at step 1,200");
  assert.equal(eventLabel(error, "running"), "elbo is not finite");
  assert.equal(eventLabel({ ...error, level: "info", label: "fork" }, "running"), "fork");
  assert.equal(eventLabel({ ...error, message: "x".repeat(99) }, "running").length, 60);
  const events = [];
  assert.ok(addEvent(events, { ...error, label: "a" }));
  assert.ok(!addEvent(events, { ...error, step: 9, label: "a" }));
  const info = { step: 1, level: "info", message: "m", label: "" };
  assert.ok(addEvent(events, info));
  assert.ok(!addEvent(events, { ...info }));
  assert.ok(addEvent(events, { ...info, step: 2 }));
  const listed = newestEvents([{ events, title: "T" }], 2);
  assert.deepEqual(
    listed.map(({ step, title }) => [step, title]),
    [
      [1200, "T"],
      [2, "T"],
    ],
  );
});

test("of events of one step the last one stands first", () => {
  const info = { step: 3, level: "info", label: "" };
  const events = ["a", "b"].map((message) => ({ ...info, message }));
  assert.deepEqual(
    newestEvents([{ events, title: "" }], 9).map((e) => e.message),
    ["b", "a"],
  );
});

test("steps are merged without repetition, as numbers", () => {
  assert.deepEqual(mergeSteps([0, 100], [20, 100, 3]), [0, 3, 20, 100]);
});

test("the progress of a run in words", () => {
  const run = answer({ step: 1200, steps: 5000, speed: 24.6, eta: 150 });
  assert.equal(progressText(run), "step 1,200 of 5,000 · 25 steps/s · 3 min left");
  assert.equal(
    progressText({ ...run, speed: 0.51234, eta: null }),
    "step 1,200 of 5,000 · 0.51 steps/s",
  );
  const queued = answer({ status: "queued", step: 0, position: 2 });
  assert.equal(progressText(queued), "step 0 of 100 · position 2 in the queue");
  assert.equal(progressText(answer({ status: "done", step: 100 })), "step 100 of 100");
});

test("a byte of a field is a value, and 255 is unknown", () => {
  assert.deepEqual(
    [0, 127, 254, 255].map((byte) => byteValue(byte, -1, 1)),
    [-1, 0, 1, null],
  );
});

test("a point lies in the cell that holds it", () => {
  const box = [
    [-1, -1],
    [1, 1],
  ];
  assert.equal(cellIndex(box, 4, -0.99, -0.99), 0);
  assert.equal(cellIndex(box, 4, 0.99, -0.99), 3);
  assert.equal(cellIndex(box, 4, -0.99, 0.99), 12);
  assert.equal(cellIndex(box, 4, 0, 0), 10);
  assert.deepEqual([cellIndex(box, 4, 1, 0), cellIndex(box, 4, 0, -1.01)], [-1, -1]);
});

test("how far a discriminator is from its optimum", () => {
  assert.equal(gapSummary({ distance: null, floor: null, n: 0 }), "");
  assert.equal(gapSummary({ distance: 0.12345, floor: null, n: 0 }), "mean |D − D*| = 0.1235");
  assert.equal(
    gapSummary({ distance: 0.1, floor: 0.05, n: 2000 }),
    "mean |D − D*| = 0.1; D* itself would score 0.05, because q is counted from 2,000 samples",
  );
});

test("bars of divergences are logarithmic from 0.001 to the largest one", () => {
  const row = { value: 0.5, floor: 0.1, least: 0 };
  assert.equal(topExponent([row]), 0);
  assert.equal(topExponent([{ ...row, value: 30 }]), 2);
  assert.equal(topExponent([{ ...row, value: 1e9 }]), 2);
  assert.equal(topExponent([{ ...row, value: "infinite", floor: "infinite" }]), 0);
  assert.equal(topExponent([]), 0);
  assert.deepEqual(
    [0, -1, 0.001, 1, 5, Infinity].map((v) => barShare(v, 0)),
    [0, 0, 0, 1, 1, 1],
  );
  assert.ok(Math.abs(barShare(Math.sqrt(0.001), 0) - 0.5) < 1e-12);
});

test("the box of points only grows, and leaves out what is not finite", () => {
  const box = boxOfPoints(null, [
    [1, 2],
    [null, 5],
    [-1, 0],
  ]);
  assert.deepEqual(box, [-1, 1, 0, 2]);
  assert.deepEqual(boxOfPoints(box, [[0, 9]]), [-1, 1, 0, 9]);
  assert.equal(boxOfPoints(null, [[null, null]]), null);
  assert.ok(hasSimilarSides([0, 3, 0, 1]) && !hasSimilarSides([0, 5, 0, 1]));
  assert.ok(!hasSimilarSides([0, 1, 0, 0]));
});

test("counts become shares, and too many labels are thinned", () => {
  assert.deepEqual(sharesOf([1, 3]), [0.25, 0.75]);
  assert.deepEqual(sharesOf([0, 0]), [0, 0]);
  assert.deepEqual([labelStride(5, 300, 24), labelStride(64, 300, 24)], [1, 6]);
});

test("a sheet of images has whole rows", () => {
  assert.deepEqual(sheetLayout({ n: 10, columns: 4, shape: [1, 28, 20] }), {
    rows: 3,
    width: 80,
    height: 84,
    blank: 2,
  });
  assert.equal(sheetLayout({ n: 8, columns: 4 }).blank, 0);
});

const DENSITIES = {
  x: [0, 1, 2],
  lines: {
    p: { title: "p", on: "density", y: [0, 1, 0] },
    q: { title: "q", on: "density", y: [0, 40, null] },
    c: { title: "c", on: "score", y: [-2, 0, 2] },
    truth: { title: "c*", on: "score", y: [-90, 0, null] },
  },
  told: [
    ["JS", 0.1234, "nats"],
    ["KL", "infinite", "nats"],
    ["overlap", 0.5, "probability"],
  ],
  n: 0,
};

test("a peak of the model does not flatten the density of the data", () => {
  const [low, high] = densityRange(DENSITIES, "density", 234);
  assert.ok(Math.abs(high - 2.7) < 1e-9);
  // The points below the densities have their room.
  assert.ok(Math.abs(low / high + 24 / 210) < 1e-9);
  assert.deepEqual(densityRange(DENSITIES, "probability", 150), [0, 1.02]);
  const [bottom, top] = densityRange(DENSITIES, "score", 150);
  assert.ok(Math.abs(bottom + 2.6) < 1e-9 && Math.abs(top - 2.6) < 1e-9);
});

test("divergences are written with their units", () => {
  const words = "JS = 0.1234 nats, KL = ∞ nats, overlap = 0.5";
  assert.equal(densitySummary(DENSITIES), `${words} (q integrated)`);
  assert.equal(
    densitySummary({ ...DENSITIES, n: 5000 }),
    `${words} (q counted from 5,000 samples)`,
  );
});

test("an unknown form has no drawing function", () => {
  assert.equal(FORMS.hologram, undefined);
  assert.equal(typeof FORMS.images, "function");
});

test("the time of a link is the nearest one that there is, else the middle", () => {
  const times = [0, 0.1, 0.5, 0.9, 1];
  assert.equal(nearestTime(times, "0.12"), 1);
  assert.equal(nearestTime(times, "7"), 4);
  assert.equal(nearestTime(times, ""), 2);
  assert.equal(nearestTime(times, "soon"), 2);
});

test("an arrow is read from its two bytes", () => {
  const bytes = Uint8Array.from([127, 254, 0, 127]);
  assert.deepEqual(arrowAt(bytes, 0, 2), [0, 2]);
  assert.deepEqual(arrowAt(bytes, 1, 2), [-2, 0]);
});

test("the distance from the exact velocity is said where that is known", () => {
  assert.equal(excessWords({ excess: null, times: [0] }, 0), "");
  assert.match(excessWords({ excess: [0.25], times: [0.5] }, 0), /= 0.25 at t = 0.5/);
});
