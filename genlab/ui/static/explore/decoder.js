// A decoder in the page: runs the programs that genlab/browser/decoder_program.py writes. All
// memory is taken once, when a program is loaded; running it calls one function for each operation.
// Sums are kept in double precision. Nothing here touches the page.

/** @import { NumbersAt, Operation, Program } from "./wire" */

/** @typedef {Float32Array} Values the value of an operation */
/** @typedef {() => void} Step computes the value of an operation from the values before it */

/**
 * @typedef {object} Operands what an operation reads, by the names of the program
 * @property {Values} x first operand
 * @property {Values} s scale of a logistic distribution
 * @property {Values} c condition
 * @property {Values} other second operand, `y` in the program
 * @property {Values[]} xs operands of a concatenation
 * @property {Float32Array | Int32Array} w weights or indices
 * @property {Float32Array | undefined} b bias
 * @property {Int32Array} i indices
 * @property {Float32Array} scale of each channel
 * @property {Float32Array} shift of each channel
 */

/**
 * Gives a number that an operation must have.
 * @param {Operation} op the operation
 * @param {string} name of the number
 */
function number(op, name) {
  const value = op[name];
  if (typeof value !== "number") throw new Error(`The operation ${op.op} has no number ${name}.`);
  return value;
}

/**
 * Multiplies rows by a matrix: y = x W + b. Four rows of W are added at once; those that meet a
 * zero are left out, which is about half of them behind a ReLU.
 * @param {Values} x rows of n numbers
 * @param {ArrayLike<number>} w the matrix, n by m, row by row
 * @param {Float32Array | undefined} b m numbers
 * @param {Values} y rows of m numbers
 * @param {{ rows: number, n: number, m: number }} shape of the operands
 * @returns {Step}
 */
function product(x, w, b, y, { rows, n, m }) {
  const sum = new Float64Array(m);
  const nonzero = new Int32Array(n);
  return () => {
    for (let r = 0; r < rows; r++) {
      const from = r * n;
      let count = 0;
      for (let i = 0; i < n; i++) if (x[from + i] !== 0) nonzero[count++] = i;
      if (b) sum.set(b);
      else sum.fill(0);
      let i = 0;
      for (; i + 3 < count; i += 4) {
        const [p, q, s, t] = [nonzero[i], nonzero[i + 1], nonzero[i + 2], nonzero[i + 3]];
        const [xp, xq, xs, xt] = [x[from + p], x[from + q], x[from + s], x[from + t]];
        const [wp, wq, ws, wt] = [p * m, q * m, s * m, t * m];
        for (let j = 0; j < m; j++) {
          sum[j] += xp * w[wp + j] + xq * w[wq + j] + xs * w[ws + j] + xt * w[wt + j];
        }
      }
      for (; i < count; i++) {
        const xp = x[from + nonzero[i]];
        const wp = nonzero[i] * m;
        for (let j = 0; j < m; j++) sum[j] += xp * w[wp + j];
      }
      y.set(sum, r * m);
    }
  };
}

/**
 * Adds overlapping patches of k by k pixels to maps: the second half of a transposed convolution.
 * @param {Values} x the patches
 * @param {Float32Array | undefined} b a number for each channel
 * @param {Values} y the maps
 * @param {Record<"channels" | "height" | "width" | "k" | "stride" | "padding", number>} shape of
 *   the maps and of the patches
 * @returns {Step}
 */
function fold(x, b, y, { channels, height, width, k, stride, padding }) {
  const across = Math.floor((width + 2 * padding - k) / stride) + 1;
  const down = Math.floor((height + 2 * padding - k) / stride) + 1;
  const size = height * width;
  return () => {
    for (let c = 0; c < channels; c++) y.fill(b ? b[c] : 0, c * size, (c + 1) * size);
    let at = 0;
    for (let v = 0; v < down; v++) {
      const top = v * stride - padding;
      const [i0, i1] = [Math.max(0, -top), Math.min(k, height - top)];
      for (let u = 0; u < across; u++) {
        const left = u * stride - padding;
        const [j0, j1] = [Math.max(0, -left), Math.min(k, width - left)];
        for (let c = 0; c < channels; c++, at += k * k) {
          for (let i = i0; i < i1; i++) {
            const row = c * size + (top + i) * width + left;
            const from = at + i * k;
            for (let j = j0; j < j1; j++) y[row + j] += x[from + j];
          }
        }
      }
    }
  };
}

/**
 * Applies a linear map to each channel alone, a few pixels to each pixel: resizing.
 * @param {Values} x pixels, channel by channel
 * @param {ArrayLike<number>} w weights, `count` for each new pixel
 * @param {Int32Array} index of the pixel that each weight belongs to
 * @param {Values} y new pixels, channel by channel
 * @param {number} count weights for each new pixel
 * @param {number} inner pixels of a channel before
 * @returns {Step}
 */
function taps(x, w, index, y, count, inner) {
  const outer = w.length / count;
  return () => {
    for (let at = 0, base = 0; at < y.length; at += outer, base += inner) {
      for (let o = 0, t = 0; o < outer; o++) {
        let sum = 0;
        for (let k = 0; k < count; k++, t++) sum += w[t] * x[base + index[t]];
        y[at + o] = sum;
      }
    }
  };
}

/**
 * Computes the mean of a discretised logistic distribution, with levels 0, 1/steps, …, 1:
 * the sum of σ((x - (k - 1/2)/steps)/s) over k = 1 … steps, divided by steps. From one k to the
 * next the odds change by one factor, so a single exponential is needed.
 * @param {Values} x locations
 * @param {Values} s logarithms of the scales
 * @param {Values} y means
 * @param {number} steps number of levels minus one
 */
function logisticMean(x, s, y, steps) {
  for (let i = 0; i < y.length; i++) {
    const inverse = Math.exp(-s[i]);
    const factor = Math.exp(inverse / steps);
    // Where the odds would leave the range of a double the terms are 1 or 0 anyway.
    const first = Math.max(1, Math.ceil(steps * (x[i] - 40 / inverse) + 0.5));
    const last = Math.min(steps, Math.floor(steps * (x[i] + 40 / inverse) + 0.5));
    let sum = Math.min(steps, first - 1);
    let odds = Math.exp(((first - 0.5) / steps - x[i]) * inverse);
    for (let k = first; k <= last; k++, odds *= factor) sum += 1 / (1 + odds);
    y[i] = Math.min(1, Math.max(0, sum / steps));
  }
}

/**
 * Makes an operation on each number alone.
 * @param {(value: number) => number} f the function
 * @returns {(op: Operation, x: Values, y: Values) => Step}
 */
function elementwise(f) {
  return (op, x, y) => () => {
    for (let i = 0; i < y.length; i++) y[i] = f(x[i]);
  };
}

/**
 * Operations on each number alone.
 * @type {Record<string, ((op: Operation, x: Values, y: Values) => Step) | undefined>}
 */
const UNARY = {
  relu: elementwise((v) => (v > 0 ? v : 0)),
  leaky: (op, x, y) => {
    const slope = number(op, "slope");
    return elementwise((v) => (v > 0 ? v : slope * v))(op, x, y);
  },
  tanh: elementwise(Math.tanh),
  sigmoid: elementwise((v) => 1 / (1 + Math.exp(-v))),
  silu: elementwise((v) => v / (1 + Math.exp(-v))),
  softplus: elementwise((v) => (v > 20 ? v : Math.log1p(Math.exp(v)))),
  exp: elementwise(Math.exp),
  log: elementwise(Math.log),
  sqrt: elementwise(Math.sqrt),
  abs: elementwise(Math.abs),
  neg: elementwise((v) => -v),
  square: elementwise((v) => v * v),
  reciprocal: elementwise((v) => 1 / v),
  less: (op, x, y) => {
    const bound = number(op, "bound");
    return elementwise((v) => (v < bound ? 1 : 0))(op, x, y);
  },
  clamp: (op, x, y) => {
    const low = typeof op.low === "number" ? op.low : -Infinity;
    const high = typeof op.high === "number" ? op.high : Infinity;
    return elementwise((v) => Math.min(high, Math.max(low, v)))(op, x, y);
  },
};

/**
 * Operations on two numbers.
 * @type {Record<string, ((u: number, v: number) => number) | undefined>}
 */
const BINARY = {
  add: (u, v) => u + v,
  sub: (u, v) => u - v,
  mul: (u, v) => u * v,
  div: (u, v) => u / v,
};

/**
 * Makes an operation on pairs of numbers; one of a pair may be a constant of the program.
 * @param {(u: number, v: number) => number} f the function
 * @param {Operation} op has the constant, as `xn` or `yn`
 * @param {Operands} operands of the operation
 * @param {Values} y its value
 * @returns {Step}
 */
function elementwisePairs(f, op, { x, other }, y) {
  const { xn, yn } = op;
  if (typeof xn === "number") {
    return () => {
      for (let i = 0; i < y.length; i++) y[i] = f(xn, other[i]);
    };
  }
  if (typeof yn === "number") {
    return () => {
      for (let i = 0; i < y.length; i++) y[i] = f(x[i], yn);
    };
  }
  return () => {
    for (let i = 0; i < y.length; i++) y[i] = f(x[i], other[i]);
  };
}

/**
 * Operations of other kinds.
 * @type {Record<string, ((op: Operation, operands: Operands, y: Values) => Step) | undefined>}
 */
const GENERAL = {
  product: (op, { x, w, b }, y) => {
    const shape = { rows: number(op, "rows"), n: number(op, "n"), m: number(op, "m") };
    return product(x, w, b, y, shape);
  },
  fold: (op, { x, b }, y) =>
    fold(x, b, y, {
      channels: number(op, "channels"),
      height: number(op, "height"),
      width: number(op, "width"),
      k: number(op, "k"),
      stride: number(op, "stride"),
      padding: number(op, "padding"),
    }),
  taps: (op, { x, w, i }, y) => taps(x, w, i, y, number(op, "taps"), number(op, "inner")),
  gather:
    (op, { x, w }, y) =>
    () => {
      for (let i = 0; i < y.length; i++) y[i] = w[i] < 0 ? 0 : x[w[i]];
    },
  join:
    (op, { xs }, y) =>
    () => {
      let at = 0;
      for (const x of xs) {
        y.set(x, at);
        at += x.length;
      }
    },
  affine: (op, { x, scale, shift }, y) => {
    const inner = number(op, "inner");
    return () => {
      for (let i = 0; i < y.length;) {
        const channel = (i / inner) % scale.length;
        const [a, b] = [scale[channel], shift[channel]];
        for (let k = 0; k < inner; k++, i++) y[i] = a * x[i] + b;
      }
    };
  },
  group_norm: (op, { x, scale, shift }, y) => {
    const inner = number(op, "inner");
    const size = y.length / number(op, "groups");
    const eps = number(op, "eps");
    return () => {
      for (let first = 0; first < y.length; first += size) {
        let sum = 0;
        for (let i = first; i < first + size; i++) sum += x[i];
        const mean = sum / size;
        let squares = 0;
        for (let i = first; i < first + size; i++) squares += (x[i] - mean) ** 2;
        const factor = 1 / Math.sqrt(squares / size + eps);
        for (let i = first; i < first + size; i++) {
          const channel = Math.floor(i / inner);
          y[i] = (x[i] - mean) * factor * scale[channel] + shift[channel];
        }
      }
    };
  },
  where:
    (op, { c, x, other }, y) =>
    () => {
      for (let i = 0; i < y.length; i++) y[i] = c[i] ? x[i] : other[i];
    },
  argmin: (op, { x }, y) => {
    const n = number(op, "n");
    return () => {
      for (let i = 0, at = 0; i < y.length; i++, at += n) {
        let best = 0;
        for (let k = 1; k < n; k++) if (x[at + k] < x[at + best]) best = k;
        y[i] = best;
      }
    };
  },
  lookup: (op, { x, w }, y) => {
    const n = number(op, "n");
    return () => {
      for (let i = 0; i < x.length; i++) {
        for (let k = 0; k < n; k++) y[i * n + k] = w[x[i] * n + k];
      }
    };
  },
  logistic_mean: (op, { x, s }, y) => {
    const steps = number(op, "steps");
    return () => logisticMean(x, s, y, steps);
  },
};

/**
 * Makes the function that computes one operation.
 * @param {Operation} op the operation
 * @param {Operands} operands what it reads
 * @param {Values} y its value
 * @returns {Step}
 */
function compile(op, operands, y) {
  const unary = UNARY[op.op];
  if (unary) return unary(op, operands.x, y);
  const binary = BINARY[op.op];
  if (binary) return elementwisePairs(binary, op, operands, y);
  const general = GENERAL[op.op];
  if (general) return general(op, operands, y);
  throw new Error(`unknown operation ${op.op}`);
}

/**
 * Reads numbers of a program.
 * @param {NumbersAt | undefined} place where they are
 * @param {ArrayBuffer} buffer all numbers of the program
 * @returns {Float32Array | undefined} the numbers; undefined if the operation has none
 */
function floats(place, buffer) {
  if (place?.inline) return Float32Array.from(place.inline);
  return place?.at && new Float32Array(buffer, 4 * place.at[0], place.at[1]);
}

/**
 * Reads whole numbers of a program.
 * @param {NumbersAt | undefined} place where they are
 * @param {ArrayBuffer} buffer all numbers of the program
 * @returns {Int32Array | undefined} the numbers; undefined if the operation has none
 */
function integers(place, buffer) {
  if (place?.inline) return Int32Array.from(place.inline);
  return place?.at && new Int32Array(buffer, 4 * place.at[0], place.at[1]);
}

/**
 * Loads a decoder.
 * @param {Program} program its operations
 * @param {ArrayBuffer} buffer its numbers, little-endian
 * @returns {(z: ArrayLike<number>) => Float32Array} from a code to the example; the next call
 *   writes over the same array
 */
export function load(program, buffer) {
  /** @type {Values[]} */
  const values = [];
  /** @type {Step[]} */
  const steps = [];
  /** @param {number | undefined} i */
  const value = (i) => /** @type {Values} */ (values[i ?? -1]);
  for (const op of program.ops) {
    const y = new Float32Array(op.size);
    values.push(y);
    if (op.op === "input") continue;
    if (op.op === "constant") {
      y.set(floats(op.w, buffer) ?? []);
      continue;
    }
    // What an operation does not have is undefined here; its kind does not read it then.
    const operands = /** @type {Operands} */ ({
      x: value(op.x),
      s: value(op.s),
      c: value(op.c),
      other: value(op.y),
      xs: op.xs?.map(value),
      w: op.op === "gather" ? integers(op.w, buffer) : floats(op.w, buffer),
      b: floats(op.b, buffer),
      i: integers(op.i, buffer),
      scale: floats(op.scale, buffer),
      shift: floats(op.shift, buffer),
    });
    steps.push(compile(op, operands, y));
  }
  return (z) => {
    values[0].set(z);
    for (const step of steps) step();
    return values[program.last];
  };
}
