// A plot on which the reader draws a curve, by hand or with the arrow keys. What was drawn is sent
// when the pen is lifted.

import { linearScale, ticks } from "../shared/axes.js";
import { context2d, make, pointerPosition } from "../shared/dom.js";
import { short } from "../shared/format.js";
import { clamp } from "../shared/numbers.js";
import { isDarkPage, onThemeChange } from "../shared/page_theme.js";
import { roleColour, ROLES } from "../shared/roles.js";
import { drawStroke, fillCurve } from "./stroke.js";

/** @import { CurveData } from "./wire" */
/** @import { Component } from "../shared/component" */

/** Pixels around the plot: left, right, top, bottom. */
const MARGIN = { left: 46, right: 12, top: 12, bottom: 40 };
/** Share of an axis that a press of an arrow key moves by. */
const STEP = 0.05;

/** @type {WeakMap<HTMLElement | ShadowRoot, CurvePlot>} */
const plots = new WeakMap();

/**
 * Draws the plot, or updates the one that is there.
 * @param {Component<CurveData>} component the place in the page
 * @returns {() => void} called when the plot leaves the page
 */
export function mount({ data, parentElement, setStateValue }) {
  let plot = plots.get(parentElement);
  if (!plot) plots.set(parentElement, (plot = new CurvePlot(parentElement, data)));
  plot.report = (curve) => setStateValue("curve", curve);
  plot.update(data);
  return () => {};
}

export class CurvePlot {
  /** @type {(number | null)[]} */
  curve = [];
  /** Place of the pen as a share of the axis, and height. @type {[number, number] | null} */
  pen = null;
  /** Point of the keyboard. */
  at = 0;
  /** @type {(curve: number[] | null) => void} */
  report = () => {};

  /**
   * @param {HTMLElement | ShadowRoot} parent where the plot is appended
   * @param {CurveData} data its axes
   */
  constructor(parent, data) {
    this.data = data;
    this.root = make("div", { class: "gl-curve" }, parent);
    const looks = { tabindex: 0, role: "application", "aria-roledescription": "curve" };
    this.canvas = make("canvas", looks, this.root);
    const help = "Draw with the pointer, or move with the left and right arrow keys and set the ";
    this.words = make("p", { "aria-live": "polite" }, this.root, `${help}height with up and down.`);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    onThemeChange(this.root, () => this.draw());
  }

  /** @param {CurveData} data what the page hands over */
  update(data) {
    const isOther = this.curve.length !== data.points;
    this.data = data;
    if (isOther) {
      this.curve = Array.from({ length: data.points }, (_, k) => data.drawn?.[k] ?? null);
      this.at = Math.floor(data.points / 2);
    }
    this.canvas.setAttribute("aria-label", `${data.y_title} over ${data.x_title}, to be drawn`);
    this.draw();
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      this.pen = this.place(event);
      this.stroke(this.pen, this.pen);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.pen) return;
      const to = this.place(event);
      this.stroke(this.pen, to);
      this.pen = to;
    });
    const lift = () => {
      if (this.pen) this.send();
      this.pen = null;
    };
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
    canvas.addEventListener("keydown", (event) => this.handleKey(event));
  }

  /** @param {KeyboardEvent} event of the canvas */
  handleKey(event) {
    const { data } = this;
    const last = data.points - 1;
    const side = Number(event.key === "ArrowRight") - Number(event.key === "ArrowLeft");
    const up = Number(event.key === "ArrowUp") - Number(event.key === "ArrowDown");
    if (!side && !up) return;
    event.preventDefault();
    const from = this.at;
    this.at = clamp(this.at + side * Math.max(1, Math.round(STEP * last)), 0, last);
    const [low, high] = data.y;
    const height = this.curve[from] ?? (low + high) / 2;
    const next = clamp(height + up * STEP * (high - low), low, high);
    this.stroke([from / last, next], [this.at / last, next]);
    this.words.textContent = `at ${short(this.xOf(this.at))}: ${short(next)}`;
    this.send();
  }

  /** @param {number} k index of a point */
  xOf(k) {
    const [low, high] = this.data.x;
    return low + (k / (this.data.points - 1)) * (high - low);
  }

  /**
   * @param {MouseEvent} event of the canvas
   * @returns {[number, number]} place as a share of the axis, and height
   */
  place(event) {
    const [x, y] = pointerPosition(this.canvas, event);
    const { width, height } = this.size();
    const [low, high] = this.data.y;
    const share = (x - MARGIN.left) / (width - MARGIN.left - MARGIN.right);
    const level = (height - MARGIN.bottom - y) / (height - MARGIN.top - MARGIN.bottom);
    return [clamp(share, 0, 1), clamp(low + level * (high - low), low, high)];
  }

  /**
   * @param {[number, number]} from place as a share of the axis, and height
   * @param {[number, number]} to the same where the stroke ends
   */
  stroke(from, to) {
    this.curve = drawStroke(this.curve, from, to);
    this.draw();
  }

  send() {
    this.report(fillCurve(this.curve));
  }

  size() {
    return { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
  }

  draw() {
    const { canvas, data } = this;
    const { width, height } = this.size();
    if (!width) return;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = context2d(canvas);
    context.scale(ratio, ratio);
    const x = linearScale(data.x, [MARGIN.left, width - MARGIN.right]);
    const y = linearScale(data.y, [height - MARGIN.bottom, MARGIN.top]);
    const style = getComputedStyle(this.root);
    context.fillStyle = context.strokeStyle = style.color;
    this.drawAxes(context, x, y);
    /** @param {number} k */
    const across = (k) => x(this.xOf(k));
    const dark = isDarkPage(this.root);
    const truth = roleColour(ROLES.modelB, dark);
    if (data.right) drawLine(context, data.right, across, y, truth, [6, 4]);
    const curve = fillCurve(this.curve);
    const given = style.getPropertyValue("--st-primary-color").trim();
    const colour = given || roleColour(ROLES.modelA, dark);
    if (curve) drawLine(context, curve, across, y, colour, []);
    canvas.dataset.drawn = String(this.curve.filter((value) => value !== null).length);
    canvas.dataset.right = String(!!data.right);
  }

  /**
   * @param {CanvasRenderingContext2D} context what is drawn on
   * @param {(value: number) => number} x from a value to its pixel
   * @param {(value: number) => number} y from a value to its pixel
   */
  drawAxes(context, x, y) {
    const { data } = this;
    const { width, height } = this.size();
    context.font = "13px sans-serif";
    context.textAlign = "center";
    for (const value of ticks(data.x[0], data.x[1], 6)) {
      context.fillText(short(value), x(value), height - MARGIN.bottom + 16);
    }
    context.fillText(data.x_title, (MARGIN.left + width - MARGIN.right) / 2, height - 6);
    context.textAlign = "right";
    context.globalAlpha = 0.3;
    for (const value of ticks(data.y[0], data.y[1], 4)) {
      context.fillRect(MARGIN.left, y(value), width - MARGIN.left - MARGIN.right, 1);
    }
    context.globalAlpha = 1;
    for (const value of ticks(data.y[0], data.y[1], 4)) {
      context.fillText(short(value), MARGIN.left - 6, y(value) + 4);
    }
    context.textAlign = "left";
    context.fillText(data.y_title, MARGIN.left + 6, MARGIN.top + 12);
  }
}

/**
 * @param {CanvasRenderingContext2D} context what is drawn on
 * @param {number[]} values heights of the points
 * @param {(k: number) => number} across from an index to its pixel
 * @param {(value: number) => number} y from a height to its pixel
 * @param {string} colour of the line
 * @param {number[]} dash of the line
 */
function drawLine(context, values, across, y, colour, dash) {
  context.save();
  context.strokeStyle = colour;
  context.lineWidth = 2.5;
  context.setLineDash(dash);
  context.beginPath();
  values.forEach((value, k) => context.lineTo(across(k), y(value)));
  context.stroke();
  context.restore();
}
