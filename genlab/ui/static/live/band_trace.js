// Several runs of one kind as a line of a chart: the median over their seeds, the band about it,
// and each run as a thin line.

import { makeSvg } from "../shared/dom.js";
import { short } from "../shared/format.js";
import { areaPath, linePath, valuesInView } from "./series.js";
import { Trace } from "./trace.js";

/** @import { LineStyle } from "./trace.js" */

/**
 * @typedef {object} BandRun
 * @property {string} name what the chart calls it
 * @property {(number | null)[]} y value at each step, null where the run has none
 */
/**
 * @typedef {object} BandPoints
 * @property {number[]} step in ascending order
 * @property {(number | null)[]} median over the runs
 * @property {(number | null)[]} low lower end of the band
 * @property {(number | null)[]} high upper end of the band
 * @property {BandRun[]} runs each of them
 */

/** The median of several runs, with its band. */
export class BandTrace extends Trace {
  /** @type {(number | null)[]} */
  low = [];
  /** @type {(number | null)[]} */
  high = [];
  /** @type {(BandRun & { path: SVGPathElement })[]} */
  runs = [];

  /**
   * @param {string} id of the band
   * @param {LineStyle} style how it looks
   * @param {ParentNode} plot where its paths are appended
   * @param {ParentNode} legend where its button is appended
   * @param {() => void} onToggle called when the band was hidden or shown again
   */
  constructor(id, style, plot, legend, onToggle) {
    super(id, style, plot, legend, onToggle);
    this.path.classList.add("gl-median");
    this.area = makeSvg("path", { class: "gl-band" });
    this.path.before(this.area);
    this.setStyle(style);
  }

  /** @param {LineStyle} style how the band looks from now on */
  setStyle(style) {
    super.setStyle(style);
    // The constructor of a line styles it before there is an area.
    if (this.area) this.area.style.fill = style.colour;
    for (const run of this.runs ?? []) run.path.style.stroke = style.colour;
  }

  /** @param {BandPoints} points all of its numbers */
  setPoints({ step, median, low, high, runs }) {
    Object.assign(this, { x: step, y: median, low, high });
    for (const { path } of this.runs.splice(runs.length)) path.remove();
    this.runs = runs.map(({ name, y }, i) => {
      const path = this.runs[i]?.path ?? makeSvg("path", { class: "gl-line gl-run" });
      path.dataset.run = name;
      path.style.stroke = this.style.colour;
      if (!path.isConnected) this.path.before(path);
      return { name, y, path };
    });
    const { title } = this.style;
    this.more = [
      { title: `${title}, low`, y: low },
      { title: `${title}, high`, y: high },
      ...runs.map(({ name, y }) => ({ title: `${title}, ${name}`, y })),
    ];
  }

  /**
   * @param {number} low lower end of the range
   * @param {number} high upper end of the range
   * @returns {number[]} what must be seen: of every run
   */
  valuesInView(low, high) {
    return this.runs.flatMap(({ y }) => valuesInView({ x: this.at, y }, low, high));
  }

  /**
   * @param {(at: number) => number} px from a point in time to its position across
   * @param {(value: number) => number} py from a value to its position from the top
   * @param {boolean} log whether the vertical axis is logarithmic
   */
  draw(px, py, log) {
    super.draw(px, py, log);
    const { at, low, high, hidden } = this;
    const seen = log ? low.concat(...this.runs.map(({ y }) => y)) : [];
    const floor = Math.min(...seen.filter((v) => v !== null && v > 0).map(Number));
    this.area.setAttribute("d", hidden ? "" : areaPath(at, low, high, px, py, log, floor));
    for (const { y, path } of this.runs) {
      path.setAttribute("d", hidden ? "" : linePath({ x: at, y }, px, py, log, false));
    }
  }

  /** @param {number} i index of a reading */
  words(i) {
    return `${short(this.y[i])} (${short(this.low[i])} to ${short(this.high[i])})`;
  }

  /** @param {string | null} name of the run that is stressed, null for none */
  highlight(name) {
    for (const run of this.runs) run.path.classList.toggle("gl-near", run.name === name);
  }

  remove() {
    super.remove();
    this.area.remove();
    for (const { path } of this.runs) path.remove();
  }
}
