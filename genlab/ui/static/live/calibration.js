// The reliability diagram: how often examples are real, against the discriminator's probability.

import { grouped, short } from "../shared/format.js";

/** @import { Cell } from "./cell.js" */
/** @import { LegendEntry } from "./forms.js" */
/** @import { PlotAxes } from "../shared/axes.js" */
/** @import { CalibrationFrame } from "./wire" */

/** Height of the largest bar of counts, as a share of the plot. */
const COUNTS = 0.25;

/**
 * Makes the reliability diagram of a cell.
 * @param {Cell} cell where it is shown
 * @returns {(frame: CalibrationFrame) => void} shows the diagram of a step
 */
export function createCalibration(cell) {
  return (frame) => {
    const colours = cell.colours();
    const axes = cell.clearedAxes((width) => Math.min(width, cell.side));
    cell.describe(frame);
    axes.setRanges([0, 1], [0, 1]);
    axes.drawGrid();
    drawCounts(axes, frame);
    drawDiagonal(axes);
    const hasTruth = drawBins(axes, frame, colours);
    axes.drawTitles("D(x), probability of real", "share that is real");
    /** @type {LegendEntry[]} */
    const legend = [["share of real examples, ± 2 standard errors", colours[0]]];
    if (hasTruth) legend.push(["mean D*", colours[1]]);
    const error = `calibration error ${short(frame.ece)}; ${short(frame.chance)} by chance`;
    legend.push([`${error}; bars: examples in each bin, n = ${grouped(frame.n)}`, null]);
    cell.setLegend(legend);
  };
}

/**
 * @param {PlotAxes} axes what is drawn on
 * @param {CalibrationFrame} frame whose counts are drawn
 */
function drawCounts(axes, { bins }) {
  const { context } = axes;
  const most = Math.max(1, ...bins.map((bin) => bin.n));
  context.fillStyle = axes.ink;
  context.globalAlpha = 0.13;
  for (const { low, high, n } of bins) {
    const [x, y] = [axes.px(low) + 1, axes.py((COUNTS * n) / most)];
    context.fillRect(x, y, axes.px(high) - x - 1, axes.py(0) - y);
  }
  context.globalAlpha = 1;
}

/** @param {PlotAxes} axes what is drawn on */
function drawDiagonal(axes) {
  const { context } = axes;
  context.strokeStyle = axes.ink;
  context.setLineDash([6, 4]);
  axes.line(axes.px(0), axes.py(0), axes.px(1), axes.py(1));
  context.setLineDash([]);
}

/**
 * @param {PlotAxes} axes what is drawn on
 * @param {CalibrationFrame} frame whose bins are drawn
 * @param {string[]} colours of the palette
 * @returns {boolean} whether any bin has a known truth
 */
function drawBins(axes, { bins }, colours) {
  const { context } = axes;
  let hasTruth = false;
  for (const { d, share, error, truth } of bins) {
    if (d === null || share === null) continue;
    const x = axes.px(d);
    context.strokeStyle = context.fillStyle = colours[0];
    context.lineWidth = 1.6;
    if (error !== null) {
      const ends = [Math.max(0, share - 2 * error), Math.min(1, share + 2 * error)];
      axes.line(x, axes.py(ends[0]), x, axes.py(ends[1]));
    }
    axes.disc(x, axes.py(share), 3.5);
    if (truth === null) continue;
    hasTruth = true;
    context.strokeStyle = colours[1];
    context.strokeRect(x - 4, axes.py(truth) - 4, 8, 8);
  }
  return hasTruth;
}
