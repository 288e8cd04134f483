// A line chart in SVG. Its elements are created once and changed in place: new points, zoom, time
// marker and theme never replace them. Colours are CSS variables, so a new theme needs no redraw.

import { linearScale, spreadLabels, ticks } from "../shared/axes.js";
import { make, makeSvg, pointerPosition } from "../shared/dom.js";
import { grouped, labelWithValue, short } from "../shared/format.js";
import { clamp, nearestIndex } from "../shared/numbers.js";
import { appendPoints, linePath, valueRange, valuesInView } from "./series.js";
import { Trace } from "./trace.js";

/** @import { Level } from "./wire" */
/** @import { LineStyle } from "./trace.js" */
/** @import { Range } from "../shared/axes.js" */

const LEFT = 50;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 36;
const HEIGHT = 240;

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
 * @property {(at: number) => void} pick called with the chosen point in time
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
  /** @type {Range} */
  extent = [0, 1];
  width = 0;
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
   * @param {{ key: string, title: string, note: string }} info what the chart shows
   * @param {ChartListener} on what happens on zoom and click
   */
  constructor(parent, info, on) {
    this.on = on;
    const clipId = `gl-clip-${++clipPaths}`;
    this.card = make(
      "section",
      { class: "gl-card gl-chart", "data-chart": info.key, "aria-label": info.title },
      parent,
    );
    const head = make("header", {}, this.card);
    make("h2", {}, head, info.title);
    const tools = make("span", { class: "gl-tools" }, head);
    const button = { type: "button", class: "gl-small", hidden: "" };
    this.resetButton = make("button", button, tools, "Reset zoom");
    this.logButton = make(
      "button",
      {
        ...button,
        "aria-pressed": "false",
        title: "Logarithmic scale. Values of 0 and below are not shown.",
      },
      tools,
      "log",
    );
    this.note = make("p", { class: "gl-note" }, this.card, info.note);
    this.box = make("div", { class: "gl-plot" }, this.card);
    this.svg = makeSvg(
      "svg",
      {
        tabindex: "0",
        role: "img",
        height: HEIGHT,
        "aria-label":
          `${info.title}. Arrow keys read the values, plus and minus zoom, ` +
          "Enter moves the time slider.",
      },
      this.box,
    );
    const clip = makeSvg("clipPath", { id: clipId }, makeSvg("defs", {}, this.svg));
    this.clip = makeSvg("rect", { y: 0, height: HEIGHT }, clip);
    this.grid = makeSvg("g", { class: "gl-grid" }, this.svg);
    const clipped = { "clip-path": `url(#${clipId})` };
    this.data = makeSvg("g", clipped, this.svg);
    this.truths = makeSvg("g", clipped, this.svg);
    this.marks = makeSvg("g", clipped, this.svg);
    const upright = { y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" };
    this.time = makeSvg("line", { class: "gl-time", ...upright }, this.svg);
    this.guide = makeSvg("line", { class: "gl-guide", ...upright }, this.svg);
    this.brush = makeSvg(
      "rect",
      { class: "gl-brush", y: TOP, height: HEIGHT - TOP - BOTTOM, visibility: "hidden" },
      this.svg,
    );
    this.tip = make("div", { class: "gl-tip", "aria-live": "polite", hidden: "" }, this.box);
    this.legend = make("div", { class: "gl-legend" }, this.card);
    this.resizes = new ResizeObserver(() => this.draw());
    this.resizes.observe(this.box);
    this.listenToPointer();
    this.listenToKeys();
    this.resetButton.addEventListener("click", () => this.on.zoom(null));
    this.logButton.addEventListener("click", () => {
      const pressed = this.logButton.getAttribute("aria-pressed") === "true";
      this.logButton.setAttribute("aria-pressed", String(!pressed));
      this.draw();
    });
  }

  /** Zooms by dragging with the mouse, picks by clicking, reads by hovering. */
  listenToPointer() {
    const { svg } = this;
    /** @type {number | null} */
    let from = null;
    /** @param {PointerEvent} event */
    const position = (event) => pointerPosition(svg, event)[0];
    svg.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      from = position(event);
      if (event.pointerType === "mouse") svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      const x = position(event);
      this.read(this.timeAt(x));
      if (from !== null && event.pointerType === "mouse" && Math.abs(x - from) > 4) {
        this.brush.setAttribute("visibility", "visible");
        this.brush.setAttribute("x", String(Math.min(from, x)));
        this.brush.setAttribute("width", String(Math.abs(x - from)));
      }
    });
    svg.addEventListener("pointerup", (event) => {
      if (from === null) return;
      const x = position(event);
      const start = this.timeAt(Math.min(from, x));
      const stop = this.timeAt(Math.max(from, x));
      this.brush.setAttribute("visibility", "hidden");
      const isDrag = Math.abs(x - from) > 8 && event.pointerType === "mouse";
      if (isDrag) this.on.zoom([start, stop]);
      else this.pick(start);
      from = null;
    });
    svg.addEventListener("pointercancel", () => {
      from = null;
    });
    svg.addEventListener("pointerleave", () => this.read(null));
    svg.addEventListener("blur", () => this.read(null));
    svg.addEventListener("dblclick", () => this.on.zoom(null));
  }

  /** Reads, picks and zooms by keys. */
  listenToKeys() {
    this.svg.addEventListener("keydown", (event) => {
      const [low, high] = this.range();
      const at = this.cursor ?? high;
      const by = (high - low) / 40;
      if (event.key === "ArrowLeft") this.read(Math.max(low, at - by));
      else if (event.key === "ArrowRight") this.read(Math.min(high, at + by));
      else if (event.key === "Enter") this.pick(at);
      else if (event.key === "+" || event.key === "=") {
        this.on.zoom([at - (at - low) / 2, at + (high - at) / 2]);
      } else if (event.key === "-" || event.key === "Escape") this.on.zoom(null);
      else return;
      event.preventDefault();
    });
  }

  /**
   * Reports a point in time, a whole one where the axis shows steps.
   * @param {number} at the point in time
   */
  pick(at) {
    this.on.pick(this.toSeconds ? at : Math.round(at));
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
    return Math.max(40, this.width - LEFT - RIGHT);
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
   * Shows the values nearest to a point in time.
   * @param {number | null} at the point in time, null for none
   */
  read(at) {
    this.cursor = at;
    const off = at === null || !this.traces.size;
    this.guide.setAttribute("visibility", off ? "hidden" : "visible");
    this.tip.hidden = off;
    if (off) return;
    this.tip.replaceChildren();
    /** @type {number | null} */
    let near = null;
    for (const trace of this.traces.values()) {
      const i = nearestIndex(trace.at, at);
      if (trace.hidden || i < 0) continue;
      if (near === null || Math.abs(trace.at[i] - at) < Math.abs(near - at)) near = trace.at[i];
      const row = make("div", {}, this.tip);
      make("i", {}, row).style.background = trace.style.colour;
      make("span", {}, row, trace.style.title);
      make("b", {}, row, short(trace.y[i]));
    }
    if (near === null) {
      this.tip.hidden = true;
      return;
    }
    const words = this.toSeconds ? `${short(near)} s` : `step ${grouped(near)}`;
    this.tip.prepend(make("div", { class: "gl-tip-step" }, null, words));
    const x = this.px(near);
    placeUpright(this.guide, x);
    const right = x > this.width / 2;
    this.tip.style.left = right ? "" : `${x + 10}px`;
    this.tip.style.right = right ? `${this.width - x + 10}px` : "";
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
    for (const { at, y, hidden, style } of this.traces.values()) {
      if (hidden) continue;
      const seen = valuesInView({ x: at, y }, low, high);
      // One positive line is enough: a bound beside it may be negative at first.
      if (seen.length && seen.every((v) => v > 0)) canBeLog = true;
      for (const v of seen) values.push(v);
      if (at.length && style.truth !== null && style.truth !== undefined) values.push(style.truth);
    }
    this.logButton.hidden = !canBeLog;
    this.isLog = canBeLog && this.logButton.getAttribute("aria-pressed") === "true";
    return valueRange(values, this.isLog);
  }

  /** Draws everything in place. */
  draw() {
    this.width = this.box.clientWidth;
    if (!this.width) return;
    const { toSeconds } = this;
    let count = 0;
    for (const [id, trace] of this.traces) {
      count += trace.x.length;
      trace.at = toSeconds ? trace.x.map((step) => toSeconds(id, step)) : trace.x;
    }
    const [a, b] = this.range();
    const vertical = this.verticalRange(a, b);
    const linear = linearScale(vertical, [HEIGHT - BOTTOM, TOP]);
    /** @param {number} v */
    const py = (v) => linear(this.isLog ? Math.log10(v) : v);
    this.svg.setAttribute("width", String(this.width));
    this.svg.dataset.points = String(count);
    this.svg.dataset.range = this.zoom ? `${a},${b}` : "";
    this.resetButton.hidden = !this.zoom;
    this.clip.setAttribute("x", String(LEFT - 3));
    this.clip.setAttribute("width", String(this.innerWidth() + 6));
    this.drawGrid([a, b], vertical, linear);
    const px = linearScale([a, b], [LEFT, LEFT + this.innerWidth()]);
    for (const { at, y, path, hidden } of this.traces.values()) {
      path.setAttribute("d", hidden ? "" : linePath({ x: at, y }, px, py, this.isLog));
    }
    this.drawTruths(py);
    this.drawEvents();
    this.setMarker(this.marker);
    if (this.cursor !== null && !this.tip.hidden) this.read(this.cursor);
  }

  /**
   * Draws the reference lines. Lines at one value share a label, with the colour of each.
   * @param {(value: number) => number} py from a value to its position
   */
  drawTruths(py) {
    this.truths.replaceChildren();
    /** @type {Map<string, { at: number, colours: Set<string> }>} */
    const labels = new Map();
    for (const { x, hidden, style } of this.traces.values()) {
      const { truth, truthLabel, colour } = style;
      if (hidden || !x.length || truth === null || truth === undefined) continue;
      if (truth <= 0 && this.isLog) continue;
      const at = py(truth);
      const ends = { x1: LEFT, x2: this.width - RIGHT, y1: at, y2: at };
      makeSvg("line", { class: "gl-truth", ...ends }, this.truths).style.stroke = colour;
      const words = labelWithValue(truthLabel || "truth", truth);
      const label = labels.get(words) ?? { at, colours: new Set() };
      label.colours.add(colour);
      labels.set(words, { at, colours: label.colours });
    }
    const wanted = [...labels.values()].map(({ at }) => (at < TOP + 16 ? at + 13 : at - 4));
    const places = spreadLabels(wanted, TOP + 12, HEIGHT - BOTTOM - 3, 13);
    [...labels].forEach(([words, { colours }], i) => {
      const text = makeSvg(
        "text",
        { class: "gl-label", x: this.width - RIGHT - 4, y: places[i], "text-anchor": "end" },
        this.truths,
      );
      for (const colour of colours) makeSvg("tspan", {}, text, "\u2501").style.fill = colour;
      makeSvg("tspan", {}, text, ` ${words}`);
    });
  }

  /** Draws the events as upright lines with their labels. */
  drawEvents() {
    this.marks.replaceChildren();
    for (const event of this.events) {
      const x = this.px(event.at);
      const ends = { x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM };
      makeSvg("line", { class: `gl-event gl-${event.level}`, ...ends }, this.marks);
      if (!event.label) continue;
      const right = x > this.width / 2;
      const place = {
        x: right ? x - 4 : x + 4,
        y: TOP + 12,
        "text-anchor": right ? "end" : "start",
      };
      const looks = { class: "gl-label gl-event-label", ...place };
      makeSvg("text", looks, this.marks, event.label);
    }
  }

  /**
   * Draws grid lines and numbers of both axes.
   * @param {Range} horizontal range of the horizontal axis
   * @param {Range} vertical range of the vertical axis, powers of ten where it is logarithmic
   * @param {(value: number) => number} py from the vertical range to its position
   */
  drawGrid([a, b], [bottom, top], py) {
    this.grid.replaceChildren();
    for (const v of ticks(bottom, top, 5)) {
      const y = py(v);
      makeSvg("line", { x1: LEFT, x2: this.width - RIGHT, y1: y, y2: y }, this.grid);
      const place = { x: LEFT - 6, y: y + 4, "text-anchor": "end" };
      makeSvg("text", place, this.grid, short(this.isLog ? 10 ** v : v));
    }
    const corner = { x: this.width - RIGHT, y: HEIGHT - 4, "text-anchor": "end" };
    makeSvg("text", corner, this.grid, this.toSeconds ? "seconds of training" : "step");
    for (const at of ticks(a, b, Math.max(2, Math.floor(this.innerWidth() / 80)))) {
      if (!Number.isInteger(at) && !this.toSeconds) continue;
      const place = { x: this.px(at), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" };
      makeSvg("text", place, this.grid, grouped(at));
    }
  }

  /** Removes the chart from the page. */
  close() {
    this.resizes.disconnect();
    this.card.remove();
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
