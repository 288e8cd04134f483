// A decoder in the page: runs the programs that genlab/browser/decoder_program.py writes. All memory is taken once, when
// a program is loaded; running it is a walk over closures. Sums are kept in double precision.

// y = x W + b for rows of x; W is (n, m), row by row. Four rows of W at once; those that meet zeros (behind a
// ReLU about half) are left out.
function product(x, w, b, y, rows, n, m) {
  const sum = new Float64Array(m), places = new Int32Array(n);
  return () => {
    for (let r = 0; r < rows; r++) {
      const from = r * n;
      let count = 0;
      for (let i = 0; i < n; i++) if (x[from + i] !== 0) places[count++] = i;
      if (b) sum.set(b);
      else sum.fill(0);
      let i = 0;
      for (; i + 3 < count; i += 4) {
        const p = places[i], q = places[i + 1], s = places[i + 2], t = places[i + 3];
        const xp = x[from + p], xq = x[from + q], xs = x[from + s], xt = x[from + t];
        const wp = p * m, wq = q * m, ws = s * m, wt = t * m;
        for (let j = 0; j < m; j++) sum[j] += xp * w[wp + j] + xq * w[wq + j] + xs * w[ws + j] + xt * w[wt + j];
      }
      for (; i < count; i++) {
        const p = places[i], xp = x[from + p], wp = p * m;
        for (let j = 0; j < m; j++) sum[j] += xp * w[wp + j];
      }
      y.set(sum, r * m);
    }
  };
}

// Overlapping k x k patches added up to maps: the second half of a transposed convolution.
function fold(x, b, y, { channels, height, width, k, stride, padding }) {
  const across = Math.floor((width + 2 * padding - k) / stride) + 1;
  const down = Math.floor((height + 2 * padding - k) / stride) + 1;
  return () => {
    for (let c = 0; c < channels; c++) y.fill(b ? b[c] : 0, c * height * width, (c + 1) * height * width);
    let at = 0;
    for (let v = 0; v < down; v++) for (let u = 0; u < across; u++) {
      const top = v * stride - padding, left = u * stride - padding;
      const i0 = Math.max(0, -top), i1 = Math.min(k, height - top), j0 = Math.max(0, -left), j1 = Math.min(k, width - left);
      for (let c = 0; c < channels; c++, at += k * k) {
        for (let i = i0; i < i1; i++) {
          const row = (c * height + top + i) * width + left, from = at + i * k;
          for (let j = j0; j < j1; j++) y[row + j] += x[from + j];
        }
      }
    }
  };
}

// A linear map of each channel alone, a few pixels to each pixel: resizing.
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

// The mean of a logistic law on 256 levels: the sum of σ((x - (k - 1/2)/steps)/s) over k = 1 … steps. From one
// k to the next the odds change by one factor, so a single exponential is needed.
function logisticMean(x, s, y, steps) {
  for (let i = 0; i < y.length; i++) {
    const inverse = Math.exp(-s[i]), factor = Math.exp(inverse / steps);
    // Where the odds would leave the range of a double the terms are 1 or 0 anyway.
    const first = Math.max(1, Math.ceil(steps * (x[i] - 40 / inverse) + 0.5));
    const last = Math.min(steps, Math.floor(steps * (x[i] + 40 / inverse) + 0.5));
    let sum = Math.min(steps, first - 1), odds = Math.exp(((first - 0.5) / steps - x[i]) * inverse);
    for (let k = first; k <= last; k++, odds *= factor) sum += 1 / (1 + odds);
    y[i] = Math.min(1, Math.max(0, sum / steps));
  }
}

function each(f) { return (op, x, y) => () => { for (let i = 0; i < y.length; i++) y[i] = f(x[i], op); }; }

const ALONE = {
  relu: each((v) => (v > 0 ? v : 0)),
  leaky: each((v, { slope }) => (v > 0 ? v : slope * v)),
  tanh: each(Math.tanh),
  sigmoid: each((v) => 1 / (1 + Math.exp(-v))),
  softplus: each((v) => (v > 20 ? v : Math.log1p(Math.exp(v)))),
  exp: each(Math.exp),
  log: each(Math.log),
  sqrt: each(Math.sqrt),
  abs: each(Math.abs),
  neg: each((v) => -v),
  square: each((v) => v * v),
  reciprocal: each((v) => 1 / v),
  less: each((v, { bound }) => (v < bound ? 1 : 0)),
  clamp: each((v, { low = -Infinity, high = Infinity }) => Math.min(high, Math.max(low, v))),
};

const PAIRS = { add: (u, v) => u + v, sub: (u, v) => u - v, mul: (u, v) => u * v, div: (u, v) => u / v };

function pair(f, op, x, z, y) {
  const { xn, yn } = op;
  if (xn !== undefined) return () => { for (let i = 0; i < y.length; i++) y[i] = f(xn, z[i]); };
  if (yn !== undefined) return () => { for (let i = 0; i < y.length; i++) y[i] = f(x[i], yn); };
  return () => { for (let i = 0; i < y.length; i++) y[i] = f(x[i], z[i]); };
}

// Several sources into one value: what the operation is called, and how it is done.
const KINDS = {
  product: (op, { x, y, w, b }) => product(x, w, b, y, op.rows, op.n, op.m),
  fold: (op, { x, y, b }) => fold(x, b, y, op),
  taps: (op, { x, y, w, i }) => taps(x, w, i, y, op.taps, op.inner),
  gather: (op, { x, y, w }) => () => { for (let i = 0; i < y.length; i++) y[i] = w[i] < 0 ? 0 : x[w[i]]; },
  join: (op, { xs, y }) => () => { let at = 0; for (const x of xs) { y.set(x, at); at += x.length; } },
  affine: (op, { x, y, scale, shift }) => () => {
    for (let i = 0; i < y.length;) {
      const c = (i / op.inner) % scale.length, a = scale[c], d = shift[c];
      for (let k = 0; k < op.inner; k++, i++) y[i] = a * x[i] + d;
    }
  },
  where: (op, { c, x, other, y }) => () => { for (let i = 0; i < y.length; i++) y[i] = c[i] ? x[i] : other[i]; },
  argmin: (op, { x, y }) => () => {
    for (let i = 0, at = 0; i < y.length; i++, at += op.n) {
      let best = 0;
      for (let k = 1; k < op.n; k++) if (x[at + k] < x[at + best]) best = k;
      y[i] = best;
    }
  },
  lookup: (op, { x, y, w }) => () => {
    for (let i = 0; i < x.length; i++) for (let k = 0; k < op.n; k++) y[i * op.n + k] = w[x[i] * op.n + k];
  },
  logistic_mean: (op, { x, s, y }) => () => logisticMean(x, s, y, op.steps),
};

// From a program and its numbers to z => the example: a Float32Array that the next call writes over.
export function load(program, buffer) {
  const values = [], steps = [];
  const numbers = (place, Kind) => place.inline
    ? Kind.from(place.inline)
    : new Kind(buffer, 4 * place.at[0], place.at[1]);
  for (const op of program.ops) {
    const y = new Float32Array(op.size);
    values.push(y);
    if (op.op === "input") continue;
    if (op.op === "constant") { y.set(numbers(op.w, Float32Array)); continue; }
    const given = { y, x: values[op.x], s: values[op.s], c: values[op.c], other: values[op.y], xs: op.xs?.map((i) => values[i]) };
    for (const name of ["w", "b", "scale", "shift"]) {
      if (op[name]) given[name] = numbers(op[name], op.op === "gather" ? Int32Array : Float32Array);
    }
    if (op.i) given.i = numbers(op.i, Int32Array);
    if (ALONE[op.op]) steps.push(ALONE[op.op](op, given.x, y));
    else if (PAIRS[op.op]) steps.push(pair(PAIRS[op.op], op, given.x, given.other, y));
    else if (KINDS[op.op]) steps.push(KINDS[op.op](op, given));
    else throw new Error(`unknown operation ${op.op}`);
  }
  return (z) => {
    values[0].set(z);
    for (const step of steps) step();
    return values[program.last];
  };
}
