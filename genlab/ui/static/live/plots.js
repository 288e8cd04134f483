// Points, histograms and bars on a canvas.

import { colourScale, fieldCanvas } from "../shared/colours.js";
import { short } from "../shared/format.js";
import { extent } from "../shared/numbers.js";
import { roleColour, roleOf } from "../shared/roles.js";

/** @import { Cell } from "./cell.js" */
/** @import { LegendEntry } from "./forms.js" */
/** @import { PlotAxes } from "../shared/axes.js" */
/** @import { BarsFrame, FieldFrame, HistogramFrame, PointsFrame } from "./wire" */

/** @typedef {[x0: number, x1: number, y0: number, y1: number]} Box the ranges of two axes */

/**
 * Widens a box so that it holds some points.
 * @param {Box | null} box the box so far
 * @param {[number | null, number | null][]} points points; those that are not finite are left out
 * @returns {Box | null} the box, null without any point
 */
export function boxOfPoints(box, points) {
  for (const [x, y] of points) {
    if (x === null || y === null) continue;
    box = box
      ? [Math.min(box[0], x), Math.max(box[1], x), Math.min(box[2], y), Math.max(box[3], y)]
      : [x, x, y, y];
  }
  return box;
}

/**
 * Tells whether both axes should have the same scale: yes, unless one would become a thin stripe.
 * @param {Box} box the ranges
 */
export function hasSimilarSides([x0, x1, y0, y1]) {
  const ratio = (x1 - x0) / Math.max(y1 - y0, 1e-30);
  return ratio < 4 && ratio > 0.25;
}

/**
 * Turns counts into shares of their sum.
 * @param {number[]} counts of the bins
 * @returns {number[]} shares that add up to 1, or zeros
 */
export function sharesOf(counts) {
  const total = counts.reduce((a, b) => a + b, 0) || 1;
  return counts.map((count) => count / total);
}

/**
 * Chooses which labels fit: every k-th one.
 * @param {number} count number of labels
 * @param {number} width for all of them, in pixels
 * @param {number} each width of one label, in pixels
 * @returns {number} k, at least 1
 */
export function labelStride(count, width, each) {
  return Math.max(1, Math.ceil((count * each) / width));
}

/**
 * Draws points. The data, where they are shown as well, stay in the background.
 * @param {PlotAxes} axes what is drawn on
 * @param {PointsFrame} frame the points
 * @param {Cell} cell gives the colours and keeps the ranges
 * @returns {LegendEntry[]} the legend
 */
export function drawPoints(axes, frame, cell) {
  const points = frame.x ?? [];
  const label = frame.label ?? points.map(() => 0);
  const names = frame.classes ?? [];
  setPointRanges(axes, frame, cell);
  axes.drawGrid();
  const { context } = axes;
  const colours = cell.colours();
  const size = points.length > 1500 ? 2 : 2.8;
  /** @type {LegendEntry[]} */
  const legend = [];
  let outside = 0;
  for (const kind of [...new Set(label)].sort((a, b) => a - b)) {
    const name = names[kind] ?? String(kind);
    const role = roleOf(name);
    const isPlus = role?.mark === "plus";
    const colour = role ? roleColour(role, cell.dark) : colours[Math.abs(kind) % 10];
    context.fillStyle = context.strokeStyle = colour;
    context.globalAlpha = kind === 0 && role ? 0.45 : 0.8;
    context.lineWidth = 1.1;
    points.forEach(([x, y], i) => {
      if (label[i] !== kind || x === null || y === null) return;
      const [px, py] = [axes.px(x), axes.py(y)];
      if (!axes.contains(px, py)) outside++;
      else if (isPlus) drawPlus(axes, px, py, size);
      else axes.disc(px, py, 0.6 * size);
    });
    if (names.length) legend.push([name, colour, isPlus ? "gl-plus" : ""]);
  }
  context.globalAlpha = 1;
  axes.drawTitles(...(frame.axes ?? []));
  if (outside) legend.push([`${outside} points are outside the axes`, null]);
  return legend;
}

/**
 * @param {PlotAxes} axes what is drawn on
 * @param {number} x position across, in pixels
 * @param {number} y position from the top, in pixels
 * @param {number} arm length of each arm, in pixels
 */
function drawPlus(axes, x, y, arm) {
  axes.line(x - arm, y, x + arm, y);
  axes.line(x, y - arm, x, y + arm);
}

/**
 * @param {PlotAxes} axes whose ranges are set
 * @param {PointsFrame} frame the points
 * @param {Cell} cell keeps the ranges
 */
function setPointRanges(axes, frame, cell) {
  if (frame.box) {
    const [[x0, y0], [x1, y1]] = frame.box;
    axes.setRanges([x0, x1], [y0, y1], hasSimilarSides([x0, x1, y0, y1]));
    return;
  }
  // These axes only ever grow, so that they do not jump while the slider moves.
  cell.ranges = boxOfPoints(cell.ranges, frame.x ?? []);
  const [x0, x1, y0, y1] = cell.ranges ?? [0, 1, 0, 1];
  const pad = 0.04 * Math.max(x1 - x0, y1 - y0, 1e-6);
  axes.setRanges([x0 - pad, x1 + pad], [y0 - pad, y1 + pad], true);
}

/**
 * Draws histograms over each other, each as shares of its own sum.
 * @param {PlotAxes} axes what is drawn on
 * @param {HistogramFrame} frame the counts
 * @param {Cell} cell gives the colours
 * @returns {LegendEntry[]} the legend
 */
export function drawHistogram(axes, frame, cell) {
  const { edges } = frame;
  const [first, last] = [edges[0], edges[edges.length - 1]];
  const colours = cell.colours();
  const rows = Object.entries(frame.counts).map(([name, counts], i) => {
    const role = roleOf(name);
    const colour = role ? roleColour(role, cell.dark) : colours[i % colours.length];
    return { name, shares: sharesOf(counts), colour };
  });
  const [, highest] = extent(rows.flatMap(({ shares }) => shares));
  axes.setRanges([first, last], [0, 1.05 * Math.max(1e-12, highest)]);
  axes.drawGrid();
  const { context } = axes;
  for (const { shares, colour } of rows) {
    context.beginPath();
    context.moveTo(axes.px(first), axes.py(0));
    shares.forEach((share, i) => {
      context.lineTo(axes.px(edges[i]), axes.py(share));
      context.lineTo(axes.px(edges[i + 1]), axes.py(share));
    });
    context.lineTo(axes.px(last), axes.py(0));
    context.fillStyle = context.strokeStyle = colour;
    context.globalAlpha = 0.22;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 1.6;
    context.stroke();
  }
  axes.drawTitles(frame.x_title, "share");
  return rows.map(({ name, colour }) => [name, colour]);
}

/**
 * Draws a bar for each name.
 * @param {PlotAxes} axes what is drawn on
 * @param {BarsFrame} frame names and values
 * @param {Cell} cell gives the colours
 * @returns {LegendEntry[]} no legend
 */
export function drawBars(axes, frame, cell) {
  const names = frame.x ?? [];
  const known = frame.y.filter((v) => v !== null);
  const [low, high] = extent(known);
  axes.setRanges(
    [-0.5, Math.max(1, names.length) - 0.5],
    [Math.min(0, low), 1.08 * Math.max(1e-12, high)],
  );
  axes.drawGrid({ xticks: false });
  const { context } = axes;
  const slot = (axes.px(1) - axes.px(0)) * 0.8;
  context.fillStyle = cell.colours()[0];
  frame.y.forEach((value, i) => {
    if (value === null) return;
    const [y, zero] = [axes.py(value), axes.py(0)];
    const top = Math.min(y, zero);
    context.fillRect(axes.px(i) - slot / 2, top, Math.max(1, slot), Math.abs(y - zero));
  });
  context.fillStyle = axes.ink;
  context.globalAlpha = 0.72;
  context.textAlign = "center";
  const stride = labelStride(names.length, axes.innerWidth, 28);
  names.forEach((name, i) => {
    if (i % stride) return;
    context.fillText(String(name), axes.px(i), axes.height - axes.bottom + 16);
  });
  context.globalAlpha = 1;
  axes.drawTitles(frame.x_title, frame.y_title);
  return [];
}

/**
 * Draws a field of values as colours.
 * @param {PlotAxes} axes what is drawn on
 * @param {FieldFrame} frame the field
 * @param {Cell} cell says whether the page is dark
 * @returns {LegendEntry[]} three values with their colours
 */
export function drawField(axes, frame, cell) {
  const { x: xs, y: ys } = frame;
  const [left, right] = [xs[0], xs[xs.length - 1]];
  const [bottom, top] = [ys[0], ys[ys.length - 1]];
  axes.setRanges([left, right], [bottom, top], true);
  const values = frame.z.flat();
  const [least, largest] = extent(values.filter((v) => v !== null));
  const low = frame.low ?? least;
  const high = frame.high ?? largest;
  const colour = colourScale("diverging", cell.dark);
  const shares = values.map((v) => (v === null ? null : (v - low) / (high - low || 1)));
  const [x, y] = [axes.px(left), axes.py(top)];
  const image = fieldCanvas(shares, xs.length, colour);
  axes.context.drawImage(image, x, y, axes.px(right) - x, axes.py(bottom) - y);
  axes.drawGrid();
  return [low, (low + high) / 2, high].map((v, i) => [short(v), `rgb(${colour(i / 2)})`]);
}
