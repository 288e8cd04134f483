// Arithmetic that several pictures share. Nothing here touches the page.

/**
 * Limits a number to a range.
 * @param {number} value the number
 * @param {number} low least result
 * @param {number} high largest result
 * @returns {number} the number, or the nearer end of the range
 */
export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/**
 * Finds the last entry of a sorted list that is not above a value.
 * @param {ArrayLike<number>} sorted numbers in ascending order
 * @param {number} value the value
 * @returns {number} its index, or -1 if every entry is above the value
 */
export function floorIndex(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * Finds the entry of a sorted list that is nearest to a value.
 * @param {ArrayLike<number>} sorted numbers in ascending order
 * @param {number} value the value
 * @returns {number} its index; the lower one of two equally near entries; -1 for an empty list
 */
export function nearestIndex(sorted, value) {
  if (!sorted.length) return -1;
  const below = Math.max(0, floorIndex(sorted, value));
  const above = below + 1;
  if (above < sorted.length && sorted[above] - value < value - sorted[below]) return above;
  return below;
}

/**
 * Interpolates linearly between known points, and is constant outside them.
 * @param {ArrayLike<number>} xs where the values are known, in ascending order
 * @param {ArrayLike<number>} ys the values there
 * @param {number} x where the value is wanted
 * @returns {number} the value at x; 0 where no point is known
 */
export function interpolate(xs, ys, x) {
  if (!xs.length) return 0;
  const i = floorIndex(xs, x);
  if (i < 0) return ys[0];
  if (i + 1 >= xs.length) return ys[ys.length - 1];
  return ys[i] + ((ys[i + 1] - ys[i]) * (x - xs[i])) / (xs[i + 1] - xs[i] || 1);
}

/**
 * Gives the least and the largest of some numbers, however many there are.
 * @param {Iterable<number>} values the numbers
 * @returns {[number, number]} least and largest; [Infinity, -Infinity] of nothing
 */
export function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/**
 * Multiplies two vectors.
 * @param {ArrayLike<number>} a of n numbers
 * @param {ArrayLike<number>} b of n numbers
 * @returns {number} their scalar product
 */
export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/**
 * @param {number} value an entry as the model has it
 * @param {[number, number, number]} [unit] shift, scale and the offset of its logarithm, or -1
 * @returns {number} the value in the unit of its column
 */
export function inUnits(value, unit) {
  if (!unit) return value;
  const [shift, scale, offset] = unit;
  const turned = shift + scale * value;
  return offset < 0 ? turned : Math.exp(turned) - offset;
}
