// A line chart in SVG. Its elements are created once and changed in place: new points, zoom, time
// marker and theme never replace them. Colours are CSS variables, so a new theme needs no redraw.

import { linearScale } from "../shared/axes.js";
import { make, makeSvg } from "../shared/dom.js";
import { clamp } from "../shared/numbers.js";
import { BandTrace } from "./band_trace.js";
import { Card } from "./card.js";
import { chartSvg, chartTable } from "./chart_file.js";
import { listenToKeys, listenToPointer } from "./chart_input.js";
import { drawEvents, drawGrid, drawTruths, truthTexts } from "./chart_marks.js";
import { BOTTOM, HEIGHT, LEFT, plotHeight, RIGHT, TOP, TOP_WITH_LABELS } from "./chart_size.js";
import { bandPlaces, drawTip, highlight } from "./chart_tip.js";
import { labelMargin } from "./labels.js";
import { appendPoints, valueRange } from "./series.js";
import { Trace } from "./trace.js";

/** @import { BandPoints } from "./band_trace.js" */
/** @import { CardListener } from "./card.js" */
/** @import { Level, ViewInfo } from "./wire" */
/** @import { LineStyle } from "./trace.js" */
/** @import { Range } from "../shared/axes.js" */

/** @type {ViewInfo} */
const UNKNOWN = { section: "learning", sees: "", lesson: "", rank: 0 };

/** Patterns of lines, as values of `stroke-dasharray`. */
export const DASHES = ["", "7 4", "2 3", "9 3 2 3", "4 2", "1 2"];

let clipPaths = 0;

/**
 * @typedef {object} ChartEvent
 * @property {number} at where it is on the horizontal axis
 * @property {Level} level of the event
 * @property {string} [label] written beside its line
 */

/**
 * @typedef {object} ChartListener
 * @property {(range: Range | null) => void} zoom called with the chosen range, null for all
 * @property {(at: number) => void} [pick] called with the chosen point in time, where a slider
 *   follows it
 * @property {(key: string) => void} log called when the logarithmic axis was chosen, or left
 */

/** A line chart over the steps of runs, or over their seconds of training. */
export class Chart {
  /** @type {Map<string, Trace>} */
  traces = new Map();
  /** @type {ChartEvent[]} */
  events = [];
  /** @type {Range | null} */
  zoom = null;
  /** Point in time that the slider shows, null for the newest. @type {number | null} */
  marker = null;
  /** Point in time that is read in the tip. @type {number | null} */
  cursor = null;
  /** Where the pointer is from the top, which chooses a run of a band. @type {number | null} */
  cursorY = null;
  /** From a value to its position from the top, as last drawn. @type {(v: number) => number} */
  py = () => 0;
  /** @type {Range} */
  extent = [0, 1];
  width = 0;
  height = HEIGHT;
  /** Margins that depend on the labels, in pixels. */
  right = RIGHT;
  top = TOP;
  isLog = false;
  /**
   * Set where the axis shows seconds: (id of the line, step) => seconds.
   * @type {((id: string, step: number) => number) | null}
   */
  toSeconds = null;
  /** Key of the group of numbers that the chart shows. */
  group = "";
  /** Names of its numbers, each with the index of its colour. @type {Map<string, number>} */
  names = new Map();

  /**
   * @param {ParentNode} parent where the chart is appended
   * @param {{ key: string, title: string, note: string, view?: ViewInfo }} info what the chart
   *   shows
   * @param {ChartListener & CardListener} on what happens on zoom and click
   */
  constructor(parent, info, on) {
    this.on = on;
    const clipId = `gl-clip-${++clipPaths}`;
    this.title = info.title;
    this.key = info.key;
    this.card = new Card(parent, `chart:${info.key}`, info.title, info.view ?? UNKNOWN, on);
    this.card.takeables = () => [
      { name: this.title, svg: () => this.file(), table: () => this.table() },
    ];
    this.card.note.textContent = info.note;
    const { root, tools } = this.card;
    this.logButton = this.card.addButton(tools, "gl-log", "log", () => on.log(info.key));
    this.resetButton = this.card.addButton(tools, "gl-reset", "Reset zoom", () => on.zoom(null));
    tools.prepend(this.resetButton, this.logButton);
    this.resetButton.hidden = this.logButton.hidden = true;
    this.logButton.title = "Logarithmic scale. Values of 0 and below are not shown.";
    this.logButton.setAttribute("aria-pressed", "false");
    this.box = make("div", { class: "gl-plot" }, root);
    this.svg = makeSvg(
      "svg",
      {
        tabindex: "0",
        role: "img",
        height: HEIGHT,
        "aria-label":
          `${info.title}. Arrow keys read the values, plus and minus zoom` +
          (on.pick ? ", Enter moves the time slider." : "."),
      },
      this.box,
    );
    const clip = makeSvg("clipPath", { id: clipId }, makeSvg("defs", {}, this.svg));
    this.clip = makeSvg("rect", { y: 0, height: HEIGHT }, clip);
    this.grid = makeSvg("g", { class: "gl-grid" }, this.svg);
    const clipped = { "clip-path": `url(#${clipId})` };
    this.data = makeSvg("g", clipped, this.svg);
    this.truths = makeSvg("g", clipped, this.svg);
    this.truthLabels = makeSvg("g", {}, this.svg);
    this.marks = makeSvg("g", clipped, this.svg);
    this.markLabels = makeSvg("g", {}, this.svg);
    this.time = makeSvg("line", { class: "gl-time", visibility: "hidden" }, this.svg);
    this.guide = makeSvg("line", { class: "gl-guide", visibility: "hidden" }, this.svg);
    this.brush = makeSvg("rect", { class: "gl-brush", visibility: "hidden" }, this.svg);
    this.tip = make("div", { class: "gl-tip", "aria-live": "polite", hidden: "" }, this.box);
    this.references = make("div", { class: "gl-keys gl-references" }, root);
    this.legend = make("div", { class: "gl-legend" }, root);
    this.resizes = new ResizeObserver(() => this.draw());
    this.resizes.observe(this.box);
    listenToPointer(this);
    listenToKeys(this);
    this.logButton.addEventListener("click", () => {
      this.setLog(this.logButton.getAttribute("aria-pressed") !== "true");
    });
  }

  /** @param {boolean} log whether the vertical axis is logarithmic where it can be */
  setLog(log) {
    this.logButton.setAttribute("aria-pressed", String(log));
    this.draw();
  }

  /** Gives the chart as the text of an SVG file. */
  file() {
    return chartSvg(this.svg, this.legend, getComputedStyle(this.card.root).backgroundColor);
  }

  /** Gives the numbers of all lines in view as a table. */
  table() {
    return chartTable(this.traces, this.range(), this.toSeconds !== null);
  }

  /**
   * Reports a point in time, a whole one where the axis shows steps.
   * @param {number} at the point in time
   */
  pick(at) {
    this.on.pick?.(this.toSeconds ? at : Math.round(at));
  }

  /**
   * Adds a line, or changes how a known one looks.
   * @param {string} id of the line
   * @param {LineStyle} style how it looks
   */
  setLine(id, style) {
    const known = this.traces.get(id);
    if (known) known.setStyle(style);
    else this.traces.set(id, new Trace(id, style, this.data, this.legend, () => this.draw()));
  }

  /**
   * Adds a median with its band and its runs, or changes a known one.
   * @param {string} id of the band
   * @param {LineStyle} style how it looks
   * @param {BandPoints} points its numbers, all of them
   */
  setBand(id, style, points) {
    let trace = this.traces.get(id);
    if (!(trace instanceof BandTrace)) {
      trace?.remove();
      trace = new BandTrace(id, style, this.data, this.legend, () => this.draw());
      this.traces.set(id, trace);
    } else trace.setStyle(style);
    /** @type {BandTrace} */ (trace).setPoints(points);
  }

  /** @param {Set<string>} ids of the lines that stay */
  keepOnly(ids) {
    for (const [id, trace] of this.traces) {
      if (ids.has(id)) continue;
      trace.remove();
      this.traces.delete(id);
    }
  }

  /**
   * Appends new points to a line; a line that is not in this chart is left out.
   * @param {string} id of the line
   * @param {number[]} steps of the points
   * @param {(number | null)[]} values at the steps
   */
  append(id, steps, values) {
    const trace = this.traces.get(id);
    if (trace) appendPoints(trace, steps, values);
  }

  /**
   * Removes the points of several lines.
   * @param {string} prefix of their ids
   */
  clear(prefix) {
    for (const [id, { x, y }] of this.traces) if (id.startsWith(prefix)) x.length = y.length = 0;
  }

  /** Gives the range of the horizontal axis. */
  range() {
    return this.zoom ?? this.extent;
  }

  /**
   * Shows a part of the horizontal axis.
   * @param {Range | null} range the part, null for all
   */
  setZoom(range) {
    this.zoom = range && range[1] > range[0] ? range : null;
    this.draw();
  }

  /** Gives the width of the plot without its margins, in pixels. */
  innerWidth() {
    return Math.max(40, this.width - LEFT - this.right);
  }

  /**
   * Gives the position of a point in time, in pixels.
   * @param {number} at a step or seconds
   */
  px(at) {
    return linearScale(this.range(), [LEFT, LEFT + this.innerWidth()])(at);
  }

  /**
   * Gives the point in time at a position; the nearer end of the axis outside of the plot.
   * @param {number} px position across, in pixels
   */
  timeAt(px) {
    const [a, b] = this.range();
    return clamp(a + ((px - LEFT) / this.innerWidth()) * (b - a), a, b);
  }

  /**
   * Moves the time marker.
   * @param {number | null} at where it is, null for no marker
   */
  setMarker(at) {
    this.marker = at;
    const [low, high] = this.range();
    const inView = at !== null && at >= low && at <= high;
    this.time.setAttribute("visibility", inView ? "visible" : "hidden");
    if (inView) placeUpright(this.time, this.px(at));
    for (const trace of this.traces.values()) trace.writeValue(at);
  }

  /**
   * Shows the values nearest to a point in time, and of bands the run nearest to the pointer.
   * @param {number | null} at the point in time, null for none
   * @param {number | null} [y] the pointer's position from the top, in pixels
   */
  read(at, y = null) {
    this.cursor = at;
    this.cursorY = y;
    const near = at === null ? null : drawTip(this, at, y);
    this.tip.hidden = near === null;
    this.guide.setAttribute("visibility", near === null ? "hidden" : "visible");
    if (near === null) {
      highlight(this, null);
      return;
    }
    const x = this.px(near);
    placeUpright(this.guide, x);
    const right = x > this.width / 2;
    this.tip.style.left = right ? "" : `${x + 10}px`;
    this.tip.style.right = right ? `${this.width - x + 10}px` : "";
  }

  /** Tells whether there are runs to go through. */
  hasRuns() {
    return [...this.traces.values()].some((trace) => trace instanceof BandTrace);
  }

  /**
   * Reads the next run of the bands.
   * @param {number} at the point in time
   * @param {1 | -1} by 1 for the next one below, -1 for the one above
   */
  readNext(at, by) {
    const places = bandPlaces(this, at).map(({ y }) => y);
    const from = this.cursorY ?? (by > 0 ? -Infinity : Infinity);
    const further = places.filter((y) => (y - from) * by > 0.5);
    const next = by > 0 ? Math.min(...further) : Math.max(...further);
    this.read(at, further.length ? next : this.cursorY);
  }

  /**
   * Gives the range of the vertical axis: the values in view, and the reference lines.
   * @param {number} low lower end of the horizontal axis
   * @param {number} high upper end of the horizontal axis
   * @returns {Range} powers of ten where the axis is logarithmic
   */
  verticalRange(low, high) {
    /** @type {number[]} */
    const values = [];
    let canBeLog = false;
    for (const trace of this.traces.values()) {
      const { at, hidden, style } = trace;
      if (hidden) continue;
      const seen = trace.valuesInView(low, high);
      // One positive line is enough: a bound beside it may be negative at first.
      if (seen.length && seen.every((v) => v > 0)) canBeLog = true;
      for (const v of seen) values.push(v);
      if (at.length && style.truth !== null && style.truth !== undefined) values.push(style.truth);
    }
    this.logButton.hidden = !canBeLog;
    this.isLog = canBeLog && this.logButton.getAttribute("aria-pressed") === "true";
    return valueRange(values, this.isLog);
  }

  /** Chooses the height of the plot, and places what depends on it. */
  setHeight() {
    this.height = plotHeight(this.card);
    this.top = this.events.some(({ label }) => label) ? TOP_WITH_LABELS : TOP;
    this.svg.setAttribute("height", String(this.height));
    this.clip.setAttribute("height", String(this.height));
    for (const line of [this.time, this.guide]) {
      line.setAttribute("y1", String(this.top));
      line.setAttribute("y2", String(this.height - BOTTOM));
    }
    this.brush.setAttribute("y", String(this.top));
    this.brush.setAttribute("height", String(this.height - this.top - BOTTOM));
  }

  /** Draws everything in place. */
  draw() {
    this.width = this.box.clientWidth;
    if (!this.width) return;
    this.setHeight();
    const { toSeconds } = this;
    let count = 0;
    for (const [id, trace] of this.traces) {
      count += trace.x.length;
      trace.at = toSeconds ? trace.x.map((step) => toSeconds(id, step)) : trace.x;
    }
    const [a, b] = this.range();
    const vertical = this.verticalRange(a, b);
    const labels = truthTexts(this);
    this.right = Math.max(RIGHT, labelMargin([...labels.keys()], this.width));
    const linear = linearScale(vertical, [this.height - BOTTOM, this.top]);
    this.py = (v) => linear(this.isLog ? Math.log10(v) : v);
    this.svg.setAttribute("width", String(this.width));
    this.svg.dataset.points = String(count);
    this.svg.dataset.range = this.zoom ? `${a},${b}` : "";
    this.resetButton.hidden = !this.zoom;
    this.clip.setAttribute("x", String(LEFT - 3));
    this.clip.setAttribute("width", String(this.innerWidth() + 6));
    drawGrid(this, [a, b], vertical, linear);
    const px = linearScale([a, b], [LEFT, LEFT + this.innerWidth()]);
    for (const trace of this.traces.values()) trace.draw(px, this.py, this.isLog);
    drawTruths(this, this.py, labels);
    drawEvents(this);
    this.setMarker(this.marker);
    if (this.cursor !== null && !this.tip.hidden) this.read(this.cursor, this.cursorY);
  }

  /** Removes the chart from the page. */
  close() {
    this.resizes.disconnect();
    this.card.close();
  }
}

/**
 * Moves an upright line.
 * @param {SVGLineElement} line the line
 * @param {number} x where it is, in pixels
 */
function placeUpright(line, x) {
  line.setAttribute("x1", String(x));
  line.setAttribute("x2", String(x));
}
