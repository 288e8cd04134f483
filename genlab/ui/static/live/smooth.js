// Fields on a coarse grid, made smooth; points that glide. Nothing here touches the page.

/**
 * Mixes four values in a row by a Catmull-Rom curve, within the range of the two inner ones.
 * @param {number} a value before
 * @param {number} b value at 0
 * @param {number} c value at 1
 * @param {number} d value after
 * @param {number} t from 0 to 1
 */
function between(a, b, c, d, t) {
  const bent = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
  return Math.min(Math.max(b, c), Math.max(Math.min(b, c), bent));
}

/**
 * Refines a square field: each cell becomes several, with values between those of its neighbours.
 * @param {(number | null)[]} values row by row; null is unknown
 * @param {number} cells in a row and in a column
 * @param {number} factor cells that each cell becomes along each axis
 * @returns {(number | null)[]} the finer field, row by row; beside unknown cells that of the
 *   nearest cell
 */
export function refineField(values, cells, factor) {
  const fine = cells * factor;
  const coarse = Float64Array.from(values, (value) => value ?? NaN);
  // First along the rows, then along the columns.
  const wide = new Float64Array(cells * fine);
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < fine; column++) {
      wide[row * fine + column] = mixed(coarse, row * cells, 1, cells, column, factor);
    }
  }
  /** @type {(number | null)[]} */
  const result = new Array(fine * fine);
  for (let row = 0; row < fine; row++) {
    const near = cells * Math.floor(row / factor);
    for (let column = 0; column < fine; column++) {
      const nearest = values[near + Math.floor(column / factor)];
      const value = nearest === null ? NaN : mixed(wide, column, fine, cells, row, factor);
      result[row * fine + column] = Number.isNaN(value) ? nearest : value;
    }
  }
  return result;
}

/**
 * Gives a value between four entries of a line of cells.
 * @param {Float64Array} all entries
 * @param {number} start index of the line's first entry
 * @param {number} stride from one entry of the line to the next
 * @param {number} cells in the line
 * @param {number} k number of the finer cell
 * @param {number} factor finer cells of each cell
 */
function mixed(all, start, stride, cells, k, factor) {
  const at = (k + 0.5) / factor - 0.5;
  const i = Math.floor(at);
  const last = cells - 1;
  const [a, d] = [i < 1 ? 0 : i - 1, i + 2 > last ? last : i + 2];
  const [b, c] = [i < 0 ? 0 : i, i + 1 > last ? last : i + 1];
  const value = (/** @type {number} */ m) => all[start + stride * m];
  return between(value(a), value(b), value(c), value(d), at - i);
}

/**
 * Gives points on their way from one picture to the next.
 * @param {[number, number][]} from where they were
 * @param {[number, number][]} to where they will be
 * @param {number} share of the way, from 0 to 1
 * @returns {[number, number][]} where they are; the new places where the numbers differ
 */
export function glide(from, to, share) {
  if (from.length !== to.length || share >= 1) return to;
  return to.map(([x, y], i) => [
    from[i][0] + (x - from[i][0]) * share,
    from[i][1] + (y - from[i][1]) * share,
  ]);
}

/**
 * Slows a movement down towards its end.
 * @param {number} t from 0 to 1
 */
export function ease(t) {
  return 1 - (1 - t) ** 3;
}

const WAYS = ["right", "up and right", "up", "up and left", "left", "down and left", "down"];
WAYS.push("down and right");

/**
 * Says in words where an arrow points.
 * @param {[number, number]} arrow in data units, y upwards
 */
export function wayOf([dx, dy]) {
  const eighth = Math.round((Math.atan2(dy, dx) / (2 * Math.PI)) * 8);
  return WAYS[(eighth + 8) % 8];
}

/**
 * Says why a generated point is pushed.
 * @param {string} name of the field, "D" or the critic's score
 * @param {[number, number]} arrow from the point, in data units
 * @param {number | null} here value of the field at the point
 * @param {number | null} there value of the field where the arrow ends
 * @returns {string} the sentence; empty where the values are unknown
 */
export function pushWords(name, arrow, here, there) {
  if (here === null || there === null) return "";
  const [a, b] = [here, there].map((value) => value.toPrecision(2));
  const way = `This generated point is pulled ${wayOf(arrow)}, because ${name} is ${a} here`;
  if (a === b) return `${way} and rises slowly that way.`;
  return there > here ? `${way} and ${b} there.` : `${way}; further on the way it is ${b}.`;
}
