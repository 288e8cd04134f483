// The numbers of a chart's lines: appending, ranges and paths. Nothing here touches the page.

import { extent, floorIndex } from "../shared/numbers.js";

/** Lines with at most so many readings show each of them as a ring. */
const RINGS = 40;

/**
 * @typedef {object} Series
 * @property {number[]} x steps in ascending order
 * @property {(number | null)[]} y value at each step; null is not finite
 */

/**
 * Appends new points. Where they start before the last known step (a resumed run), the known
 * points from there on are replaced.
 * @param {Series} series what is known; changed in place
 * @param {number[]} steps of the new points, in ascending order
 * @param {(number | null)[]} values at these steps
 */
export function appendPoints({ x, y }, steps, values) {
  if (x.length && steps.length && steps[0] <= x[x.length - 1]) {
    const kept = floorIndex(x, steps[0] - 1) + 1;
    x.length = kept;
    y.length = kept;
  }
  for (let i = 0; i < steps.length; i++) {
    x.push(steps[i]);
    y.push(values[i]);
  }
}

/**
 * Gives the values of a line within a range, with one point beyond each end.
 * @param {Series} series the line
 * @param {number} low lower end of the range
 * @param {number} high upper end of the range
 * @returns {number[]} the finite values
 */
export function valuesInView({ x, y }, low, high) {
  const start = Math.max(0, floorIndex(x, low));
  const stop = Math.min(x.length, floorIndex(x, high) + 2);
  return y.slice(start, stop).filter((v) => v !== null);
}

/**
 * Chooses the range of the vertical axis.
 * @param {number[]} values what must be seen
 * @param {boolean} log whether the axis is logarithmic; it then leaves out 0 and below
 * @returns {[number, number]} both ends with a margin; powers of ten where the axis is logarithmic
 */
export function valueRange(values, log) {
  let [bottom, top] = extent(log ? values.filter((v) => v > 0) : values);
  if (bottom > top) return [0, 1];
  if (log) [bottom, top] = [Math.log10(bottom), Math.log10(top)];
  const pad = (top - bottom) * 0.06 || Math.abs(top) * 0.1 || 0.5;
  return [bottom - pad, top + pad];
}

/**
 * Writes a line as the path of an SVG element. A value that cannot be drawn interrupts it.
 * @param {Series} series the line
 * @param {(step: number) => number} px from a step to its position across, in pixels
 * @param {(value: number) => number} py from a value to its position from the top, in pixels
 * @param {boolean} log whether the vertical axis is logarithmic
 * @param {boolean} [rings] whether the readings of a line that has few are ringed
 * @returns {string} the `d` of a path
 */
export function linePath({ x, y }, px, py, log, rings = true) {
  let path = "";
  let circles = "";
  let drawing = false;
  for (let i = 0; i < x.length; i++) {
    const value = y[i];
    if (value === null || (log && value <= 0)) {
      drawing = false;
      continue;
    }
    const at = `${px(x[i]).toFixed(1)} ${py(value).toFixed(1)}`;
    path += `${drawing ? "L" : "M"}${at}`;
    drawing = true;
    // With few readings each is shown, so that nobody takes the line between them for data.
    if (rings && x.length <= RINGS) circles += `M${at}m-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0`;
  }
  return path + circles;
}

/**
 * Writes the area between two lines as the path of an SVG element. It is interrupted where an
 * end is missing; an end that a logarithmic axis cannot show lies at its floor.
 * @param {number[]} x steps in ascending order
 * @param {(number | null)[]} low lower end at each step
 * @param {(number | null)[]} high upper end at each step
 * @param {(step: number) => number} px from a step to its position across, in pixels
 * @param {(value: number) => number} py from a value to its position from the top, in pixels
 * @param {boolean} log whether the vertical axis is logarithmic
 * @param {number} floor lowest value that is drawn where the axis is logarithmic
 * @returns {string} the `d` of a path
 */
export function areaPath(x, low, high, px, py, log, floor = 0) {
  let path = "";
  /** @type {[string, string][]} */
  let stretch = [];
  const close = () => {
    if (stretch.length) {
      const upper = stretch.map(([top]) => top).join("L");
      const lower = stretch.map(([, bottom]) => bottom).reverse();
      path += `M${upper}L${lower.join("L")}Z`;
    }
    stretch = [];
  };
  for (let i = 0; i < x.length; i++) {
    const [bottom, top] = [low[i], high[i]];
    if (bottom === null || top === null || (log && top <= 0)) {
      close();
      continue;
    }
    const across = px(x[i]).toFixed(1);
    const shown = log ? Math.max(bottom, Math.min(floor, top)) : bottom;
    stretch.push([`${across} ${py(top).toFixed(1)}`, `${across} ${py(shown).toFixed(1)}`]);
  }
  close();
  return path;
}
