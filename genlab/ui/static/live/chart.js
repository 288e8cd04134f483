// A line chart in SVG. Its elements are created once and changed in place: new points, zoom, time
// marker and theme never replace them. Colours are CSS variables, so a new theme needs no redraw.

import { linearScale, spreadLabels, ticks } from "../shared/axes.js";
import { make, makeSvg, pointerPosition, zoomOf } from "../shared/dom.js";
import { grouped, labelWithValue, short } from "../shared/format.js";
import { clamp, nearestIndex } from "../shared/numbers.js";
import { Card } from "./card.js";
import { chartSvg, chartTable } from "./chart_file.js";
import { labelMargin, wrapLabel } from "./labels.js";
import { appendPoints, linePath, valueRange, valuesInView } from "./series.js";
import { Trace } from "./trace.js";

/** @import { CardListener } from "./card.js" */
/** @import { Level, ViewInfo } from "./wire" */
/** @import { LineStyle } from "./trace.js" */
/** @import { Range } from "../shared/axes.js" */

const LEFT = 58;
const RIGHT = 10;
const BOTTOM = 42;
/** Upper margin without and with labels of events, in pixels. */
const TOP = 12;
const TOP_WITH_LABELS = 26;
/** Heights: in a group, beside the large card, as the large card, in pixels. */
const HEIGHT = 240;
const BESIDE = 190;
const MAIN = 420;
/** Height that an enlarged chart has for what is around it, in pixels. */
const AROUND = 260;
/** The same in a presentation, and the height that a chart has there at least. */
const AROUND_SHOWN = 205;
const LEAST = 150;
/** Height of a line of text, in pixels. */
const LINE = 15;
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
 * @property {(at: number) => void} pick called with the chosen point in time
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
    this.listenToPointer();
    this.listenToKeys();
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

  /** Chooses the height of the plot: where its card stands says how large it may be. */
  setHeight() {
    const { root, enlarged } = this.card;
    const isFirst = root.parentElement?.classList.contains("gl-first");
    const place = root.classList.contains("gl-main") ? MAIN : isFirst ? BESIDE : HEIGHT;
    const seen = innerHeight / zoomOf(root);
    if (enlarged) this.height = Math.max(HEIGHT, seen - AROUND);
    else if (root.classList.contains("gl-shown"))
      this.height = Math.max(LEAST, seen - AROUND_SHOWN);
    else this.height = place;
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
    const labels = this.truthTexts();
    this.right = Math.max(RIGHT, labelMargin([...labels.keys()], this.width));
    const linear = linearScale(vertical, [this.height - BOTTOM, this.top]);
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
    this.drawTruths(py, labels);
    this.drawEvents();
    this.setMarker(this.marker);
    if (this.cursor !== null && !this.tip.hidden) this.read(this.cursor);
  }

  /**
   * Gives the labels of the reference lines that are seen; lines at one value share a label.
   * @returns {Map<string, { value: number, colours: Set<string> }>} by their words
   */
  truthTexts() {
    /** @type {Map<string, { value: number, colours: Set<string> }>} */
    const labels = new Map();
    for (const { x, hidden, style } of this.traces.values()) {
      const { truth, truthLabel, colour } = style;
      if (hidden || !x.length || truth === null || truth === undefined) continue;
      if (truth <= 0 && this.isLog) continue;
      const words = labelWithValue(truthLabel || "truth", truth);
      const label = labels.get(words) ?? { value: truth, colours: new Set() };
      label.colours.add(colour);
      labels.set(words, label);
    }
    return labels;
  }

  /**
   * Draws the reference lines. Their labels stand in the right margin, or below a narrow plot.
   * @param {(value: number) => number} py from a value to its position
   * @param {ReturnType<Chart["truthTexts"]>} labels of the lines
   */
  drawTruths(py, labels) {
    for (const box of [this.truths, this.truthLabels, this.references]) box.replaceChildren();
    for (const { value, colours } of labels.values()) {
      const ends = { x1: LEFT, x2: this.width - this.right, y1: py(value), y2: py(value) };
      for (const colour of colours) {
        makeSvg("line", { class: "gl-truth", ...ends }, this.truths).style.stroke = colour;
      }
    }
    if (this.right > RIGHT) this.writeInMargin(py, labels);
    else this.writeBelow(labels);
  }

  /**
   * Writes the labels into the right margin, each beside its line.
   * @param {(value: number) => number} py from a value to its position
   * @param {ReturnType<Chart["truthTexts"]>} labels of the lines
   */
  writeInMargin(py, labels) {
    const wrapped = [...labels.keys()].map((words) => wrapLabel(words, this.right));
    const tallest = LINE * Math.max(1, ...wrapped.map((lines) => lines.length));
    const wanted = [...labels.values()].map(({ value }) => py(value) + 4);
    const places = spreadLabels(wanted, this.top + 12, this.height - BOTTOM, tallest + 3);
    [...labels.values()].forEach(({ colours }, i) => {
      const looks = { class: "gl-label gl-truth-label", y: places[i] };
      const text = makeSvg("text", looks, this.truthLabels);
      wrapped[i].forEach((words, k) => {
        const place = { x: this.width - this.right + 6, dy: k ? LINE : 0 };
        const line = makeSvg("tspan", place, text);
        for (const colour of k ? [] : colours) {
          makeSvg("tspan", {}, line, "\u2501 ").style.fill = colour;
        }
        makeSvg("tspan", {}, line, words);
      });
    });
  }

  /** @param {ReturnType<Chart["truthTexts"]>} labels that are written below the plot */
  writeBelow(labels) {
    for (const [words, { colours }] of labels) {
      const entry = make("span", {}, this.references);
      for (const colour of colours) {
        make("i", { class: "gl-dash" }, entry).style.setProperty("--gl-key", colour);
      }
      entry.append(words);
    }
  }

  /** Draws the events as upright lines, with their labels above the plot. */
  drawEvents() {
    this.marks.replaceChildren();
    this.markLabels.replaceChildren();
    const [low, high] = this.range();
    for (const event of this.events) {
      const x = this.px(event.at);
      const ends = { x1: x, x2: x, y1: this.top, y2: this.height - BOTTOM };
      makeSvg("line", { class: `gl-event gl-${event.level}`, ...ends }, this.marks);
      if (!event.label || (this.zoom && (event.at < low || event.at > high))) continue;
      const right = x > this.width / 2;
      const place = { x, y: this.top - 8, "text-anchor": right ? "end" : "start" };
      const looks = { class: "gl-label gl-event-label", ...place };
      makeSvg("text", looks, this.markLabels, event.label);
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
      makeSvg("line", { x1: LEFT, x2: this.width - this.right, y1: y, y2: y }, this.grid);
      const place = { x: LEFT - 6, y: y + 4, "text-anchor": "end" };
      makeSvg("text", place, this.grid, short(this.isLog ? 10 ** v : v));
    }
    const corner = { x: this.width - this.right, y: this.height - 6, "text-anchor": "end" };
    makeSvg("text", corner, this.grid, this.toSeconds ? "seconds of training" : "step");
    for (const at of ticks(a, b, Math.max(2, Math.floor(this.innerWidth() / 80)))) {
      if (!Number.isInteger(at) && !this.toSeconds) continue;
      const place = { x: this.px(at), y: this.height - BOTTOM + 16, "text-anchor": "middle" };
      makeSvg("text", place, this.grid, grouped(at));
    }
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
