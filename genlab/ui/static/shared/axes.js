// Axes: tick marks, linear scales, places of labels, and a plot's axes on a canvas.

import { clamp } from "./numbers.js";
import { short } from "./format.js";

/** @typedef {[number, number]} Range lower and upper end */

/**
 * Chooses round numbers in a range: multiples of 1, 2 or 5 times a power of ten.
 * @param {number} low lower end of the range
 * @param {number} high upper end of the range
 * @param {number} count about how many numbers are wanted
 * @returns {number[]} the numbers in ascending order
 */
export function ticks(low, high, count) {
  if (!(high > low)) return Number.isFinite(low) && low === high ? [low] : [];
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = [1, 2, 5].find((k) => k * power >= raw * 0.999) ?? 10;
  const step = factor * power;
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) {
    found.push(k === 0 ? 0 : k * step);
  }
  return found;
}

/**
 * Makes the linear map from a range of values to a range of pixels.
 * @param {Range} domain values at the two ends
 * @param {Range} pixels positions of the two ends
 * @returns {(value: number) => number} from a value to its position; not limited to the ends
 */
export function linearScale([a, b], [from, to]) {
  const width = b - a || 1;
  return (value) => from + ((value - a) / width) * (to - from);
}

/**
 * Widens one of two ranges about its middle, so that a unit has the same length on both axes.
 * @param {Range} x range across
 * @param {Range} y range upwards
 * @param {number} width of the plot in pixels
 * @param {number} height of the plot in pixels
 * @returns {[Range, Range]} both ranges
 */
export function equalUnits(x, y, width, height) {
  const unit = Math.max((x[1] - x[0]) / width, (y[1] - y[0]) / height) || 1;
  const cx = (x[0] + x[1]) / 2;
  const cy = (y[0] + y[1]) / 2;
  return [
    [cx - (unit * width) / 2, cx + (unit * width) / 2],
    [cy - (unit * height) / 2, cy + (unit * height) / 2],
  ];
}

/**
 * Moves labels apart: each stays as near as possible to where it belongs, and their order stays.
 * @param {number[]} wanted positions in pixels
 * @param {number} low least position
 * @param {number} high largest position
 * @param {number} gap least distance of two labels; smaller where the range is too short for it
 * @returns {number[]} positions in the order of `wanted`
 */
export function spreadLabels(wanted, low, high, gap) {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b]);
  const step = Math.min(gap, (high - low) / Math.max(1, order.length - 1));
  /** @type {number[]} */
  const found = [];
  let least = low;
  for (const i of order) {
    found[i] = Math.max(wanted[i], least);
    least = found[i] + step;
  }
  let most = high;
  for (const i of order.reverse()) {
    found[i] = Math.min(found[i], most);
    most = found[i] - step;
  }
  return found;
}

/** The axes of a plot on a canvas, with margins for the numbers. All lengths are CSS pixels. */
export class PlotAxes {
  left = 48;
  right = 8;
  top = 8;
  bottom = 40;
  x0 = 0;
  x1 = 1;
  y0 = 0;
  y1 = 1;
  /** From a value to its position across. @type {(value: number) => number} */
  px = (value) => value;
  /** From a value to its position from the top. @type {(value: number) => number} */
  py = (value) => value;

  /**
   * @param {CanvasRenderingContext2D} context what is drawn on
   * @param {number} width of the canvas
   * @param {number} height of the canvas
   * @param {string} ink colour of lines and numbers, a CSS colour
   */
  constructor(context, width, height, ink) {
    this.context = context;
    this.width = width;
    this.height = height;
    this.ink = ink;
    context.font = "13px sans-serif";
  }

  /** Width of the plot without its margins. */
  get innerWidth() {
    return this.width - this.left - this.right;
  }

  /** Height of the plot without its margins. */
  get innerHeight() {
    return this.height - this.top - this.bottom;
  }

  /**
   * Sets the ranges of both axes.
   * @param {Range} x range across
   * @param {Range} y range upwards
   * @param {boolean} [square] whether a unit has the same length on both axes
   */
  setRanges(x, y, square = false) {
    if (square) [x, y] = equalUnits(x, y, this.innerWidth, this.innerHeight);
    [this.x0, this.x1] = x;
    [this.y0, this.y1] = y;
    this.px = linearScale(x, [this.left, this.width - this.right]);
    this.py = linearScale(y, [this.height - this.bottom, this.top]);
  }

  /**
   * Gives the values at a position, the inverse of `px` and `py`.
   * @param {number} x position across
   * @param {number} y position from the top
   * @returns {[number, number]} value across and value upwards
   */
  valueAt(x, y) {
    const { left, right, top, bottom, width, height } = this;
    return [
      linearScale([left, width - right], [this.x0, this.x1])(x),
      linearScale([height - bottom, top], [this.y0, this.y1])(y),
    ];
  }

  /**
   * Tells whether a position lies in the plot.
   * @param {number} x position across
   * @param {number} y position from the top
   */
  contains(x, y) {
    const across = x >= this.left && x <= this.width - this.right;
    return across && y >= this.top && y <= this.height - this.bottom;
  }

  /**
   * Draws grid lines and their numbers.
   * @param {{ xticks?: boolean, yticks?: boolean }} [which] axes that have numbers
   */
  drawGrid({ xticks = true, yticks = true } = {}) {
    const { context } = this;
    context.globalAlpha = 0.14;
    context.strokeStyle = this.ink;
    context.lineWidth = 1;
    const xs = xticks ? ticks(this.x0, this.x1, Math.max(2, this.width / 90)) : [];
    const ys = yticks ? ticks(this.y0, this.y1, Math.max(2, this.height / 60)) : [];
    for (const v of xs) this.line(this.px(v), this.top, this.px(v), this.height - this.bottom);
    for (const v of ys) this.line(this.left, this.py(v), this.width - this.right, this.py(v));
    context.globalAlpha = 0.72;
    context.fillStyle = this.ink;
    context.textAlign = "center";
    for (const v of xs) context.fillText(short(v), this.px(v), this.height - this.bottom + 16);
    context.textAlign = "right";
    for (const v of ys) context.fillText(short(v), this.left - 5, this.py(v) + 4);
    context.globalAlpha = 1;
  }

  /**
   * Writes the titles of the axes in the corners of the plot.
   * @param {string} [x] title of the axis across
   * @param {string} [y] title of the axis upwards
   */
  drawTitles(x, y) {
    const { context } = this;
    context.fillStyle = this.ink;
    context.globalAlpha = 0.72;
    context.textAlign = "right";
    if (x) context.fillText(x, this.width - this.right, this.height - 3);
    context.textAlign = "left";
    if (y) context.fillText(y, this.left + 4, this.top + 10);
    context.globalAlpha = 1;
  }

  /**
   * Draws a straight line between two positions.
   * @param {number} xa start, across
   * @param {number} ya start, from the top
   * @param {number} xb end, across
   * @param {number} yb end, from the top
   */
  line(xa, ya, xb, yb) {
    this.context.beginPath();
    this.context.moveTo(xa, ya);
    this.context.lineTo(xb, yb);
    this.context.stroke();
  }

  /**
   * Draws a filled disc.
   * @param {number} x centre, across
   * @param {number} y centre, from the top
   * @param {number} radius of the disc
   */
  disc(x, y, radius) {
    this.context.beginPath();
    this.context.arc(x, y, radius, 0, 2 * Math.PI);
    this.context.fill();
  }

  /**
   * Limits a value across to the range of the axis.
   * @param {number} x the value
   */
  clampX(x) {
    return clamp(x, this.x0, this.x1);
  }
}
