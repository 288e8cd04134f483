// Ticks, scales, numbers, texts, colours and bytes.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  equalUnits,
  linearScale,
  PlotAxes,
  spreadLabels,
  ticks,
} from "../../genlab/ui/static/shared/axes.js";
import { fromBase64 } from "../../genlab/ui/static/shared/bytes.js";
import { colourScale, fieldBytes, isDark } from "../../genlab/ui/static/shared/colours.js";
import {
  duration,
  grouped,
  labelWithValue,
  short,
  shortOrInfinite,
} from "../../genlab/ui/static/shared/format.js";
import {
  clamp,
  dot,
  extent,
  floorIndex,
  inUnits,
  interpolate,
  nearestIndex,
} from "../../genlab/ui/static/shared/numbers.js";

test("ticks are round, lie in the range, and are about as many as wanted", () => {
  assert.deepEqual(ticks(0, 10, 5), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(ticks(-1, 1, 4), [-1, -0.5, 0, 0.5, 1]);
  assert.deepEqual(ticks(3, 3, 5), [3]);
  assert.deepEqual(ticks(1, 0, 5), []);
  assert.deepEqual(ticks(NaN, 1, 5), []);
  for (const [low, high] of [
    [0, 1],
    [-3.7, 12.2],
    [1e-9, 3e-9],
    [1e7, 9.9e7],
    [-0.013, 0.002],
  ]) {
    for (const count of [2, 5, 9]) {
      const found = ticks(low, high, count);
      // Steps of 1, 2, 5 and 10 are at most 2.5 times as long as wanted.
      assert.ok(found.length <= count + 2 && found.length >= Math.floor(count / 2.5));
      for (const v of found) assert.ok(v >= low - 1e-9 * Math.abs(low) && v <= high * (1 + 1e-9));
      if (found.length < 2) continue;
      const step = found[1] - found[0];
      const mantissa = step / 10 ** Math.floor(Math.log10(step * 1.0001));
      assert.ok([1, 2, 5].some((k) => Math.abs(mantissa - k) < 1e-6));
      // No tick is missing at either end.
      assert.ok(found[0] - step < low && found[found.length - 1] + step > high);
    }
  }
});

test("zero is written as 0, never as -0", () => {
  assert.ok(ticks(-1, 1, 4).every((v) => !Object.is(v, -0)));
});

test("a linear scale maps ends to ends and goes on outside", () => {
  const scale = linearScale([10, 20], [100, 0]);
  assert.deepEqual([10, 15, 20, 30].map(scale), [100, 50, 0, -100]);
  assert.equal(linearScale([5, 5], [0, 100])(5), 0);
});

test("equal units keep the middle and make units equally long", () => {
  const [x, y] = equalUnits([0, 2], [0, 1], 100, 200);
  assert.deepEqual(x, [0, 2]);
  assert.deepEqual(y, [-1.5, 2.5]);
  assert.equal((x[1] - x[0]) / 100, (y[1] - y[0]) / 200);
});

test("labels move apart and keep their order", () => {
  assert.deepEqual(spreadLabels([50, 52, 51], 0, 100, 13), [50, 76, 63]);
  assert.deepEqual(spreadLabels([99, 98, 10], 0, 100, 13), [100, 87, 10]);
  assert.deepEqual(spreadLabels([0, 0, 0, 0], 0, 30, 13), [0, 10, 20, 30]);
  assert.deepEqual(spreadLabels([], 0, 100, 13), []);
});

test("axes give positions of values, and values of positions", () => {
  const axes = new PlotAxes({ font: "" }, 156, 148, "black");
  axes.setRanges([0, 10], [-1, 1]);
  assert.deepEqual([axes.innerWidth, axes.innerHeight], [100, 100]);
  assert.deepEqual([axes.px(0), axes.px(10)], [48, 148]);
  assert.deepEqual([axes.py(-1), axes.py(1)], [108, 8]);
  assert.deepEqual(axes.valueAt(axes.px(2.5), axes.py(0.25)), [2.5, 0.25]);
  assert.ok(axes.contains(48, 8) && !axes.contains(47, 8) && !axes.contains(60, 109));
  axes.setRanges([0, 1], [0, 10], true);
  assert.deepEqual([axes.x0, axes.x1, axes.y0, axes.y1], [-4.5, 5.5, 0, 10]);
  assert.equal(axes.clampX(7), 5.5);
});

test("floorIndex is the last entry that is not above a value", () => {
  const steps = [0, 10, 10, 20];
  assert.deepEqual(
    [-1, 0, 9, 10, 19, 20, 99].map((v) => floorIndex(steps, v)),
    [-1, 0, 0, 2, 2, 3, 3],
  );
  assert.equal(floorIndex([], 5), -1);
});

test("nearestIndex takes the lower one of two equally near entries", () => {
  const steps = [0, 10, 20];
  assert.deepEqual(
    [-5, 4, 5, 6, 15, 16, 99].map((v) => nearestIndex(steps, v)),
    [0, 0, 0, 1, 1, 2, 2],
  );
  assert.equal(nearestIndex([], 5), -1);
});

test("interpolation is linear between points and constant outside", () => {
  const [xs, ys] = [
    [0, 10, 20],
    [0, 5, 25],
  ];
  assert.deepEqual(
    [-1, 0, 5, 10, 15, 20, 30].map((x) => interpolate(xs, ys, x)),
    [0, 0, 2.5, 5, 15, 25, 25],
  );
  assert.equal(interpolate([], [], 3), 0);
  assert.equal(interpolate([1, 1], [2, 4], 1), 4);
});

test("small arithmetic", () => {
  assert.deepEqual([clamp(-1, 0, 1), clamp(0.5, 0, 1), clamp(2, 0, 1)], [0, 0.5, 1]);
  assert.equal(dot([1, 2, 3], [4, 5, 6]), 32);
  assert.deepEqual(extent([3, -1, 2]), [-1, 3]);
  assert.deepEqual(extent([]), [Infinity, -Infinity]);
  // A spread argument list of this length would overflow the stack.
  assert.deepEqual(extent(new Float64Array(1_000_000).fill(2)), [2, 2]);
});

test("numbers as people read them", () => {
  assert.deepEqual([0, 0.12345, -103.2512, 1234567, 1e-9, 0.00099, 150000, 999999.9].map(short), [
    "0",
    "0.1235",
    "-103.3",
    "1.23e+6",
    "1e-9",
    "9.9e-4",
    "150000",
    "1000000",
  ]);
  assert.equal(short(null), "not finite");
  assert.deepEqual(["infinite", "-infinite", 0.5, null].map(shortOrInfinite), [
    "∞",
    "−∞",
    "0.5",
    "not finite",
  ]);
  assert.equal(grouped(12345), "12,345");
  assert.deepEqual([0, 89.4, 90, 5399, 5400, 36000].map(duration), [
    "0 s",
    "89 s",
    "2 min",
    "90 min",
    "1.5 h",
    "10.0 h",
  ]);
});

test("a label has its value once", () => {
  assert.equal(labelWithValue("optimum", 1.3863), "optimum = 1.386");
  assert.equal(labelWithValue("log 4 = 1.386", 1.3863), "log 4 = 1.386");
  assert.equal(labelWithValue("E = truth", 3), "E = truth: 3");
  assert.equal(labelWithValue("best of 1,234 runs", 1234), "best of 1,234 runs");
  assert.equal(labelWithValue("best of 12 runs", 1234), "best of 12 runs = 1234");
  assert.equal(labelWithValue("-0.5 nats", -0.5), "-0.5 nats");
});

test("a diverging scale is neutral in the middle, in both themes", () => {
  assert.deepEqual(colourScale("diverging", false)(0.5), [255, 255, 255]);
  assert.deepEqual(colourScale("diverging", true)(0.5), [26, 32, 39]);
  assert.deepEqual(colourScale("diverging", false)(-3), colourScale("diverging", false)(0));
  assert.deepEqual(colourScale("diverging", false)(1), [213, 94, 0]);
  assert.deepEqual(colourScale("diverging", false)(0.25), [127.5, 184.5, 216.5]);
});

test("a sequential scale goes steadily from the page's colour to its opposite", () => {
  for (const dark of [false, true]) {
    const scale = colourScale("sequential", dark);
    const light = Array.from({ length: 11 }, (_, i) => {
      const [r, g, b] = scale(i / 10);
      return 0.3 * r + 0.59 * g + 0.11 * b;
    });
    const sorted = [...light].sort((a, b) => (dark ? a - b : b - a));
    assert.deepEqual(light, sorted);
  }
});

test("a field has its lowest row at the bottom, and unknown cells are transparent", () => {
  const bytes = fieldBytes([0, 1, 0.5, null], 2, (share) => [255 * share, 0, 7]);
  // The rows from the top: [0.5, unknown], [0, 1].
  assert.deepEqual(
    [...bytes],
    [127, 0, 7, 255, 0, 0, 0, 0, 0, 0, 7, 255, 255, 0, 7, 255].map((v, i) =>
      i === 0 ? bytes[0] : v,
    ),
  );
  assert.ok(bytes[0] === 127 || bytes[0] === 128);
});

test("dark colours are told from light ones", () => {
  assert.ok(isDark([14, 17, 23]) && !isDark([255, 255, 255]) && !isDark([0, 255, 0]));
});

test("base64 gives all bytes", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual(fromBase64(Buffer.from(bytes).toString("base64")), bytes);
  assert.equal(fromBase64("").length, 0);
});

test("an entry is shown in the unit of its column", () => {
  assert.equal(inUnits(0.5, undefined), 0.5);
  assert.equal(inUnits(0.5, [4200, 800, -1]), 4600);
  assert.ok(Math.abs(inUnits(1, [0, 2, 0.5]) - (Math.exp(2) - 0.5)) < 1e-12);
});
