// The operations of a decoder that runs in the page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "../../genlab/ui/static/explore/decoder.js";
import { assertClose } from "./close.js";

/** @param {object[]} ops after the input @param {number[]} z @param {number[]} [numbers] */
function run(ops, z, numbers = []) {
  const program = { ops: [{ op: "input", size: z.length }, ...ops], last: ops.length };
  return load(program, Float32Array.from(numbers).buffer)(z);
}

test("a linear layer, with zeros and without, with a bias and without", () => {
  const op = { op: "product", size: 2, x: 0, rows: 1, n: 5, m: 2 };
  const w = { inline: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] };
  assertClose(run([{ ...op, w, b: { inline: [100, 200] } }], [1, 1, 1, 1, 1]), [125, 230]);
  assertClose(run([{ ...op, w }], [0, 2, 0, 0, -1]), [-3, -2]);
  assertClose(run([{ ...op, w }], [0, 0, 0, 0, 0]), [0, 0]);
});

test("numbers are read from the buffer by offset and count", () => {
  const op = { op: "product", size: 1, x: 0, rows: 1, n: 2, m: 1, w: { at: [1, 2] } };
  assertClose(run([op], [3, 4], [99, 10, 20, 99]), [110]);
});

test("several rows are multiplied one by one", () => {
  const op = { op: "product", size: 4, x: 0, rows: 2, n: 2, m: 2 };
  assertClose(run([{ ...op, w: { inline: [1, 2, 3, 4] } }], [1, 0, 0, 1]), [1, 2, 3, 4]);
});

test("functions of each number", () => {
  const values = [-2, -0.5, 0.25, 3];
  /** @param {string} op @param {object} [more] */
  const apply = (op, more) => run([{ op, size: 4, x: 0, ...more }], values);
  const float = (f) => values.map((v) => Math.fround(f(Math.fround(v))));
  assertClose(apply("relu"), [0, 0, 0.25, 3]);
  assertClose(apply("leaky", { slope: 0.2 }), [-0.4, -0.1, 0.25, 3]);
  assertClose(apply("tanh"), float(Math.tanh));
  assertClose(
    apply("sigmoid"),
    float((v) => 1 / (1 + Math.exp(-v))),
  );
  assertClose(
    apply("softplus"),
    float((v) => Math.log1p(Math.exp(v))),
  );
  assertClose(apply("exp"), float(Math.exp), 1e-5);
  assertClose(apply("abs"), [2, 0.5, 0.25, 3]);
  assertClose(apply("neg"), [2, 0.5, -0.25, -3]);
  assertClose(apply("square"), [4, 0.25, 0.0625, 9]);
  assertClose(apply("reciprocal"), [-0.5, -2, 4, 1 / 3]);
  assertClose(apply("less", { bound: 0.25 }), [1, 1, 0, 0]);
  assertClose(apply("clamp", { low: -1, high: 1 }), [-1, -0.5, 0.25, 1]);
  assertClose(apply("clamp", { high: 1 }), [-2, -0.5, 0.25, 1]);
  assertClose(run([{ op: "log", size: 1, x: 0 }], [2]), [Math.log(2)]);
  assertClose(run([{ op: "sqrt", size: 1, x: 0 }], [2]), [Math.SQRT2]);
  assertClose(run([{ op: "softplus", size: 1, x: 0 }], [500]), [500]);
});

test("functions of two numbers, one of which may be a constant", () => {
  const two = [
    { op: "constant", size: 2, w: { inline: [4, 8] } },
    { op: "div", size: 2, x: 0, y: 1 },
  ];
  assertClose(run(two, [2, 2]), [0.5, 0.25]);
  assertClose(run([{ op: "sub", size: 2, x: 0, yn: 1 }], [5, 6]), [4, 5]);
  assertClose(run([{ op: "sub", size: 2, y: 0, xn: 1 }], [5, 6]), [-4, -5]);
  assertClose(run([{ op: "mul", size: 2, x: 0, yn: 3 }], [5, 6]), [15, 18]);
  assertClose(run([{ op: "add", size: 2, x: 0, y: 0 }], [5, 6]), [10, 12]);
});

test("gather leaves zeros, join puts together, where chooses", () => {
  const gather = new Int32Array([1, -1, 0]);
  const program = {
    ops: [
      { op: "input", size: 2 },
      { op: "gather", size: 3, x: 0, w: { at: [0, 3] } },
      { op: "join", size: 5, xs: [1, 0] },
    ],
    last: 2,
  };
  assertClose(load(program, gather.buffer)([7, 8]), [8, 0, 7, 7, 8]);
  const choice = [
    { op: "less", size: 2, x: 0, bound: 0 },
    { op: "neg", size: 2, x: 0 },
    { op: "where", size: 2, c: 1, x: 2, y: 0 },
  ];
  assertClose(run(choice, [-3, 4]), [3, 4]);
});

test("an affine map of channels, and a resize", () => {
  const affine = { op: "affine", size: 4, x: 0, inner: 2 };
  const parts = { scale: { inline: [2, 10] }, shift: { inline: [1, -1] } };
  assertClose(run([{ ...affine, ...parts }], [1, 2, 3, 4]), [3, 5, 29, 39]);
  const half = { inline: [0.5, 0.5, 1, 0] };
  const taps = {
    op: "taps",
    size: 4,
    x: 0,
    taps: 2,
    inner: 2,
    w: half,
    i: { inline: [0, 1, 1, 0] },
  };
  assertClose(run([taps], [2, 4, 10, 30]), [3, 4, 20, 30]);
});

test("fold adds overlapping patches: the transposed convolution of a pair of pixels", () => {
  // Two patches of 2 by 2, one column apart, into a map of 2 rows and 3 columns.
  const shape = { channels: 1, height: 2, width: 3, k: 2, stride: 1, padding: 0 };
  const fold = { op: "fold", size: 6, x: 0, ...shape };
  assertClose(run([fold], [1, 2, 3, 4, 10, 20, 30, 40]), [1, 12, 20, 3, 34, 40]);
  assertClose(run([{ ...fold, b: { inline: [5] } }], [0, 0, 0, 0, 0, 0, 0, 0]), [5, 5, 5, 5, 5, 5]);
  // With padding the outermost pixels of a patch fall away.
  const padded = { ...fold, size: 1, height: 1, width: 1, k: 3, padding: 1 };
  assertClose(run([padded], [1, 2, 3, 4, 5, 6, 7, 8, 9]), [5]);
});

test("a codebook: the nearest entry, and its code", () => {
  const ops = [
    { op: "argmin", size: 2, x: 0, n: 3 },
    { op: "lookup", size: 4, x: 1, n: 2, w: { inline: [0, 1, 2, 3, 4, 5] } },
  ];
  assertClose(run(ops, [3, 1, 2, 5, 5, 4]), [2, 3, 4, 5]);
});

test("the mean of a discretised logistic distribution is the sum over its levels", () => {
  /** @param {number} x @param {number} s @param {number} steps */
  const exact = (x, s, steps) => {
    let sum = 0;
    for (let k = 1; k <= steps; k++)
      sum += 1 / (1 + Math.exp(-(x - (k - 0.5) / steps) / Math.exp(s)));
    return sum / steps;
  };
  for (const [x, s] of [
    [0.5, -2],
    [0.1, -1],
    [0.9, -6],
    [-0.3, -3],
    [1.4, 0],
    [0.37, -9],
  ]) {
    const ops = [
      { op: "constant", size: 1, w: { inline: [s] } },
      { op: "logistic_mean", size: 1, x: 0, s: 1, steps: 255 },
    ];
    assertClose(run(ops, [x]), [exact(x, s, 255)], 2e-6);
  }
});

test("an unknown operation is an error, and so is a missing number", () => {
  assert.throws(() => run([{ op: "magic", size: 1, x: 0 }], [1]), /unknown operation magic/);
  assert.throws(() => run([{ op: "leaky", size: 1, x: 0 }], [1]), /leaky has no number slope/);
});

test("a decoder can be run again and again", () => {
  const program = {
    ops: [
      { op: "input", size: 1 },
      { op: "square", size: 1, x: 0 },
    ],
    last: 1,
  };
  const decode = load(program, new ArrayBuffer(0));
  assertClose(decode([3]), [9]);
  assertClose(decode([4]), [16]);
});
