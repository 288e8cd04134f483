// The densities of data and model over one variable, and below them what the critic has learned
// beside its optimum.

import { PlotAxes } from "../shared/axes.js";
import { grouped, short, shortOrInfinite } from "../shared/format.js";
import { extent } from "../shared/numbers.js";
import { ROLES, roleColour } from "../shared/roles.js";
import { addReadout } from "./readout.js";

/** @import { Cell } from "./cell.js" */
/** @import { LegendEntry } from "./forms.js" */
/** @import { Range } from "../shared/axes.js" */
/** @import { DensityAxis, DensityFrame } from "./wire" */

const TOP = 8;
const UPPER = 210;
const LOWER = 150;
const FOOT = 40;
const BETWEEN = 26;
const RUG = 24;
/**
 * How each line looks. The densities have the colours of data and of generated points; the others
 * one of the palette. Known truths are dashed.
 * @type {Record<string, { colour: number, filled?: boolean, dashed?: boolean } | undefined>}
 */
const LOOKS = {
  p: { colour: 6, filled: true },
  q: { colour: 2, filled: true },
  d: { colour: 0 },
  c: { colour: 0 },
  truth: { colour: 1, dashed: true },
};
/** @type {Record<DensityAxis, string>} */
const TITLES = { density: "density", probability: "probability of real", score: "score" };

/** @typedef {[name: string, line: DensityFrame["lines"][string]]} NamedLine */

/**
 * Chooses the range of the vertical axis of some lines.
 *
 * A peak of the model far above the data's is cut off, so that the data's density keeps its shape.
 * The true score is often infinite where one density ends, so the axis follows the learned one.
 * @param {DensityFrame} frame all lines
 * @param {DensityAxis} on what the axis shows
 * @param {number} height of the plot in pixels; densities leave room for the points below them
 * @returns {Range} both ends
 */
export function densityRange(frame, on, height) {
  if (on === "probability") return [0, 1.02];
  /** @param {string} name */
  const known = (name) => (frame.lines[name]?.y ?? []).filter((v) => v !== null);
  if (on === "density") {
    const p = Math.max(1e-12, extent(known("p"))[1]);
    const top = 1.08 * Math.min(2.5 * p, Math.max(p, extent(known("q"))[1]));
    return [(-RUG / (height - RUG)) * top, top];
  }
  const first = Object.keys(frame.lines).find((name) => frame.lines[name].on === on) ?? "";
  const [low, top] = extent(known(first));
  const pad = 0.15 * (top - low || 1);
  return [low - pad, top + pad];
}

/**
 * Writes the divergences of a step.
 * @param {DensityFrame} frame the step
 * @returns {string} for example "JS = 0.12 nats (q integrated)"
 */
export function densitySummary({ told, n }) {
  const words = told.map(([title, value, unit]) => {
    return `${title} = ${shortOrInfinite(value)}${unit === "probability" ? "" : ` ${unit}`}`;
  });
  const how = n ? ` (q counted from ${grouped(n)} samples)` : " (q integrated)";
  return words.join(", ") + how;
}

/**
 * Makes the plot of densities of a cell.
 * @param {Cell} cell where it is shown
 * @returns {(frame: DensityFrame) => void} shows the densities of a step
 */
export function createDensityPlot(cell) {
  const plot = new DensityPlot(cell);
  return (frame) => plot.draw(frame);
}

class DensityPlot {
  /** @type {DensityFrame | null} */
  frame = null;
  /** @type {PlotAxes | null} */
  upper = null;
  /** @type {(() => void) | null} */
  resetReadout = null;

  /** @param {Cell} cell where it is shown */
  constructor(cell) {
    this.cell = cell;
  }

  /** @param {DensityFrame} frame what is drawn */
  draw(frame) {
    this.frame = frame;
    const { cell } = this;
    const { x } = frame;
    const lines = Object.entries(frame.lines);
    const densities = lines.filter(([, line]) => line.on === "density");
    const others = lines.filter(([, line]) => line.on !== "density");
    const below = others.length ? BETWEEN + LOWER : 0;
    const sheet = cell.clearedAxes(() => TOP + UPPER + RUG + below + FOOT);
    cell.canvas.classList.add("gl-full");
    cell.describe(frame);
    cell.canvas.dataset.lines = String(lines.length);
    const half = (x[1] - x[0]) / 2;
    /** @type {Range} */
    const ends = [x[0] - half, x[x.length - 1] + half];
    this.upper = this.plot(sheet, TOP, UPPER + RUG, ends, densities, !below);
    this.drawPoints(this.upper, frame);
    if (below) this.plot(sheet, TOP + UPPER + RUG + BETWEEN, LOWER, ends, others, true);
    const summary = () => (this.frame ? densitySummary(this.frame) : "");
    this.resetReadout ??= addReadout(cell.canvas, (px) => this.textAt(px), summary);
    this.resetReadout();
    cell.setLegend(this.legend(frame));
  }

  /**
   * @param {DensityFrame} frame whose lines are explained
   * @returns {LegendEntry[]}
   */
  legend(frame) {
    const arrows = frame.arrows.length
      ? "; arrows: how the generator's loss moves each point, drawn to scale " +
        `(the longest: ${short(frame.push)} per data unit)`
      : "";
    return [
      ...Object.entries(frame.lines).map(([name, { title }]) => {
        return /** @type {LegendEntry} */ ([title, this.colour(name)]);
      }),
      [`points: held-out data above, generated below${arrows}`, null],
    ];
  }

  /** @param {string} name of a line */
  colour(name) {
    const { dark } = this.cell;
    if (name === "p") return roleColour(ROLES.data, dark);
    if (name === "q") return roleColour(ROLES.generated, dark);
    return this.cell.colours()[(LOOKS[name] ?? { colour: 4 }).colour];
  }

  /**
   * Draws several lines on a vertical axis of their own.
   * @param {PlotAxes} sheet the whole canvas
   * @param {number} top of the plot, in pixels
   * @param {number} high height of the plot, in pixels
   * @param {Range} ends of the horizontal axis
   * @param {NamedLine[]} lines what is drawn
   * @param {boolean} last whether the numbers of the horizontal axis stand below this plot
   */
  plot(sheet, top, high, ends, lines, last) {
    const axes = new PlotAxes(sheet.context, sheet.width, sheet.height, sheet.ink);
    const frame = /** @type {DensityFrame} */ (this.frame);
    const { on } = lines[0][1];
    axes.top = top;
    axes.bottom = sheet.height - top - high;
    axes.setRanges(ends, densityRange(frame, on, high));
    axes.drawGrid({ xticks: last });
    const { context } = axes;
    context.save();
    context.beginPath();
    context.rect(axes.left, top, axes.innerWidth, high);
    context.clip();
    if (on === "probability") this.drawHalf(axes);
    for (const line of lines) this.drawLine(axes, frame.x, line);
    context.restore();
    context.font = "13px sans-serif";
    context.fillStyle = axes.ink;
    context.globalAlpha = 0.72;
    context.textAlign = "left";
    context.fillText(TITLES[on] ?? on, axes.left + 4, top + 13);
    context.globalAlpha = 1;
    return axes;
  }

  /** @param {PlotAxes} axes where the line of probability 1/2 is drawn */
  drawHalf(axes) {
    const { context } = axes;
    const y = axes.py(0.5);
    context.strokeStyle = axes.ink;
    context.globalAlpha = 0.5;
    context.setLineDash([2, 3]);
    axes.line(axes.left, y, axes.width - axes.right, y);
    context.setLineDash([]);
  }

  /**
   * @param {PlotAxes} axes what is drawn on
   * @param {number[]} x where the values are
   * @param {NamedLine} line what is drawn
   */
  drawLine(axes, x, [name, { y }]) {
    const { context } = axes;
    const look = LOOKS[name] ?? { colour: 4 };
    context.strokeStyle = context.fillStyle = this.colour(name);
    if (look.filled) {
      context.beginPath();
      context.moveTo(axes.px(x[0]), axes.py(0));
      y.forEach((value, i) => context.lineTo(axes.px(x[i]), axes.py(value ?? 0)));
      context.lineTo(axes.px(x[x.length - 1]), axes.py(0));
      context.globalAlpha = 0.16;
      context.fill();
    }
    context.globalAlpha = 1;
    context.lineWidth = look.dashed ? 2 : 1.8;
    context.setLineDash(look.dashed ? [6, 4] : []);
    context.beginPath();
    let drawing = false;
    y.forEach((value, i) => {
      if (value !== null) {
        if (drawing) context.lineTo(axes.px(x[i]), axes.py(value));
        else context.moveTo(axes.px(x[i]), axes.py(value));
      }
      drawing = value !== null;
    });
    context.stroke();
  }

  /**
   * Draws the points themselves under the densities, and how the generator moves its own.
   * @param {PlotAxes} axes of the densities
   * @param {DensityFrame} frame whose points are drawn
   */
  drawPoints(axes, { real, fake, arrows }) {
    const { context } = axes;
    const base = axes.py(0);
    /** @param {number} x */
    const isInView = (x) => x >= axes.x0 && x <= axes.x1;
    context.lineWidth = 1;
    context.strokeStyle = roleColour(ROLES.heldOut, this.cell.dark);
    context.globalAlpha = 0.6;
    for (const x of real.filter(isInView)) {
      axes.line(axes.px(x), base + 2, axes.px(x), base + 9);
    }
    context.strokeStyle = this.colour("q");
    context.globalAlpha = 0.7;
    for (const x of fake.filter(isInView)) {
      axes.line(axes.px(x), base + 11, axes.px(x), base + 18);
    }
    context.globalAlpha = 1;
    context.strokeStyle = axes.ink;
    arrows.forEach((dx, i) => {
      const from = fake[i];
      if (!isInView(from)) return;
      const [a, b, y] = [axes.px(from), axes.px(axes.clampX(from + dx)), base + 14.5];
      if (Math.abs(b - a) < 1) return;
      const head = Math.sign(b - a) * Math.min(3, 0.5 * Math.abs(b - a));
      axes.line(a, y, b, y);
      axes.line(b - head, y - 2.5, b, y);
      axes.line(b - head, y + 2.5, b, y);
    });
  }

  /**
   * @param {number} px position across, in pixels
   * @returns {string | null} the values of all lines there
   */
  textAt(px) {
    const { frame, upper } = this;
    if (!frame || !upper) return null;
    const i = Math.floor(((px - upper.left) / upper.innerWidth) * frame.x.length);
    if (i < 0 || i >= frame.x.length) return null;
    const words = Object.values(frame.lines).map(({ title, y }) => {
      return `${title.split(" = ")[0]}: ${y[i]?.toPrecision(3) ?? "unknown"}`;
    });
    return `at ${frame.x[i].toFixed(2)} — ${words.join("; ")}`;
  }
}
