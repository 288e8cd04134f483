// A canvas on which a density is drawn: weights on a grid, on the line or in the plane. The server
// hears of them when the pen is lifted.

import { fromBase64 } from "../shared/bytes.js";
import { context2d, make } from "../shared/dom.js";
import { grouped } from "../shared/format.js";
import { clamp } from "../shared/numbers.js";
import { isDarkPage, onThemeChange } from "../shared/page_theme.js";
import { roleColour, ROLES } from "../shared/roles.js";
import { stamp, stroke, toBytes } from "./brush.js";

/** @import { Component } from "../shared/component" */
/** @import { Tool } from "./brush.js" */

/**
 * @typedef {object} DensityData
 * @property {1 | 2} dim of the space
 * @property {number} cells an axis
 * @property {number} half half the side of the box, in data units
 * @property {string} weights bytes in base64, what is there at first
 * @property {number} round number of what is there at first; another one replaces the drawing
 */

/** So many strokes can be undone. */
const UNDO = 40;
/** Pixels of the canvas for each cell in the plane; width and height on the line. */
const SCALE = 6;
const LINE_SIZE = [640, 240];
/** Part of the height by which an arrow key changes a bar: alone, and with shift. */
const SMALL = 1 / 20;
const LARGE = 1 / 4;
/** @type {[Tool, string][]} */
const TOOLS = [
  ["paint", "Paint"],
  ["erase", "Erase"],
  ["point", "Bump"],
];
/** @type {Record<string, [number, number] | undefined>} */
const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowDown: [0, -1],
  ArrowUp: [0, 1],
};

/** @type {WeakMap<HTMLElement | ShadowRoot, DensityCanvas>} */
const canvases = new WeakMap();

/**
 * Draws the canvas, or updates the one that is there.
 * @param {Component<DensityData>} component the place in the page
 * @returns {() => void} called when the canvas leaves the page
 */
export function mount({ data, parentElement, setStateValue }) {
  let canvas = canvases.get(parentElement);
  if (!canvas || canvas.data.dim !== data.dim) {
    parentElement.querySelector(".gl-density")?.remove();
    canvases.set(parentElement, (canvas = new DensityCanvas(parentElement, data)));
  }
  canvas.report = (weights) => setStateValue("drawn", { round: data.round, weights });
  canvas.update(data);
  return () => {};
}

class DensityCanvas {
  /** Weights before each of the last strokes. @type {Float32Array[]} */
  before = [];
  round = -1;
  /** @type {Tool} */
  tool = "paint";
  isDown = false;
  hasPen = false;
  /** Last point of the stroke, in cells; on the line the second number is a height. */
  last = /** @type {[number, number]} */ ([0, 0]);
  /** Where the cursor of the arrow keys is, in cells. */
  cursor = /** @type {[number, number]} */ ([0, 0]);
  /** @type {(weights: string) => void} */
  report = () => {};

  /**
   * @param {HTMLElement | ShadowRoot} parent where it is appended
   * @param {DensityData} data size and kind of the grid
   */
  constructor(parent, data) {
    this.data = data;
    const { cells, dim } = data;
    /** @type {Float32Array} */
    this.weights = new Float32Array(cells ** dim);
    this.cursor = [cells / 2, dim === 2 ? cells / 2 : 0];
    this.root = make("div", { class: "gl-density" }, parent);
    this.addTools();
    const [width, height] = dim === 2 ? [SCALE * cells, SCALE * cells] : LINE_SIZE;
    const words =
      dim === 2
        ? "Arrow keys move the cursor, space puts the pen down or lifts it"
        : "Left and right choose a cell, up and down change its height, delete clears it";
    const looks = { width, height, tabindex: 0, role: "application" };
    const label = `Canvas for a density. ${words}.`;
    this.canvas = make("canvas", { ...looks, "aria-label": label, class: `gl-d${dim}` }, this.root);
    this.status = make("p", { role: "status" }, this.root);
    onThemeChange(this.root, () => this.draw());
    this.context = context2d(this.canvas);
    this.listen();
  }

  addTools() {
    const row = make("div", { class: "gl-row", role: "group", "aria-label": "Tools" }, this.root);
    this.toolButtons = TOOLS.map(([tool, title]) => {
      const button = make("button", { type: "button", "data-tool": tool }, row, title);
      button.onclick = () => this.choose(tool);
      return button;
    });
    const undo = make("button", { type: "button" }, row, "Undo");
    undo.onclick = () => this.undo();
    const clear = make("button", { type: "button" }, row, "Clear");
    clear.onclick = () => {
      this.keep();
      this.weights.fill(0);
      this.finish();
    };
    const label = make("label", {}, this.root, "Size ");
    const range = { type: "range", min: 0.5, max: 10, step: 0.5, value: 2.5 };
    this.size = make("input", { ...range, "aria-label": "Size of the brush, in cells" }, label);
    this.choose("paint");
  }

  /** @param {Tool} tool that is used from now on */
  choose(tool) {
    this.tool = tool;
    for (const button of this.toolButtons ?? []) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    }
  }

  /** @param {DensityData} data what the page hands over */
  update(data) {
    this.data = data;
    if (data.round !== this.round) {
      if (this.round >= 0) this.keep();
      this.round = data.round;
      this.weights = Float32Array.from(fromBase64(data.weights), (byte) => byte / 255);
    }
    this.draw();
  }

  /** Radius of the brush in cells. */
  get radius() {
    return Number(this.size?.value ?? 1);
  }

  // --- changing ---

  keep() {
    this.before.push(this.weights.slice());
    if (this.before.length > UNDO) this.before.shift();
  }

  undo() {
    const last = this.before.pop();
    if (!last) return;
    this.weights = last;
    this.finish();
  }

  /** Shows the drawing and tells the server. */
  finish() {
    this.draw();
    this.report(btoa(String.fromCharCode(...toBytes(this.weights))));
  }

  /**
   * Goes on with the stroke.
   * @param {[number, number]} to in cells; on the line the second number is a height
   */
  strokeTo(to) {
    const { cells, dim } = this.data;
    const radius = this.radius;
    const [x0, y0] = this.last;
    if (dim === 1) stroke(this.weights, [x0, y0], to, Math.max(0.6, radius), this.tool);
    else {
      // A point is one bump, however far the pointer moves.
      const length = Math.hypot(to[0] - x0, to[1] - y0);
      const steps = this.tool === "point" ? 1 : Math.max(1, Math.ceil(length / 0.5));
      for (let k = 1; k <= steps; k++) {
        const t = k / steps;
        const at = /** @type {[number, number]} */ ([x0 + t * (to[0] - x0), y0 + t * (to[1] - y0)]);
        stamp(this.weights, cells, at, radius, this.tool);
      }
    }
    this.last = to;
    this.draw();
  }

  /** @param {[number, number]} at where the pen is put down */
  press(at) {
    this.keep();
    this.isDown = true;
    this.last = at;
    this.strokeTo(at);
  }

  lift() {
    if (!this.isDown) return;
    this.isDown = this.hasPen = false;
    this.finish();
  }

  /** @param {PointerEvent} event of the canvas @returns {[number, number]} its place in cells */
  placeOf(event) {
    const box = this.canvas.getBoundingClientRect();
    const { cells, dim } = this.data;
    const y = 1 - (event.clientY - box.top) / box.height;
    return [
      ((event.clientX - box.left) / box.width) * cells,
      dim === 2 ? y * cells : clamp(y, 0, 1),
    ];
  }

  listen() {
    const { canvas } = this;
    canvas.onpointerdown = (event) => {
      if (event.button) return;
      event.preventDefault();
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      this.press(this.placeOf(event));
    };
    canvas.onpointermove = (event) => {
      if (!this.isDown || this.hasPen || this.tool === "point") return;
      this.strokeTo(this.placeOf(event));
    };
    canvas.onpointerup = canvas.onpointercancel = () => this.lift();
    canvas.onblur = () => this.lift();
    canvas.onfocus = () => this.draw();
    canvas.onkeydown = (event) => this.handleKey(event);
    canvas.onkeyup = (event) => {
      if (this.data.dim === 1 && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
        this.lift();
      }
    };
  }

  /** @param {KeyboardEvent} event arrows move, space puts the pen down, Ctrl+Z takes back */
  handleKey(event) {
    if ((event.ctrlKey || event.metaKey) && event.key === "z") {
      event.preventDefault();
      this.undo();
      return;
    }
    const move = ARROWS[event.key];
    const isUsed = move || event.key === " " || event.key === "Delete";
    if (!isUsed || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (this.data.dim === 1) this.handleLineKey(event, move);
    else this.handlePlaneKey(event, move);
    this.draw();
  }

  /**
   * @param {KeyboardEvent} event of the canvas
   * @param {[number, number] | undefined} move of an arrow key
   */
  handleLineKey(event, move) {
    const { cells } = this.data;
    const i = Math.floor(this.cursor[0]);
    if (move?.[0]) this.cursor[0] = clamp(i + move[0], 0, cells - 1) + 0.5;
    else if (event.key !== " ") {
      if (!this.isDown) this.keep();
      this.isDown = true;
      const by = event.shiftKey ? LARGE : SMALL;
      this.weights[i] = move ? clamp(this.weights[i] + move[1] * by, 0, 1) : 0;
      if (!move) this.lift();
    }
  }

  /**
   * @param {KeyboardEvent} event of the canvas
   * @param {[number, number] | undefined} move of an arrow key
   */
  handlePlaneKey(event, move) {
    const { cells } = this.data;
    const at = /** @type {[number, number]} */ (this.cursor.slice());
    if (move) {
      const by = event.shiftKey ? 5 : 1;
      const [x, y] = this.cursor;
      /** @param {number} v */
      const inside = (v) => clamp(v, 0.5, cells - 0.5);
      this.cursor = [inside(x + by * move[0]), inside(y + by * move[1])];
      if (this.hasPen) this.strokeTo(/** @type {[number, number]} */ (this.cursor.slice()));
    } else if (event.key === "Delete") {
      this.keep();
      stamp(this.weights, cells, at, this.radius, "erase");
      this.finish();
    } else if (this.hasPen) this.lift();
    else {
      this.press(at);
      this.hasPen = true;
    }
  }

  // --- drawing ---

  draw() {
    const { context, canvas, data } = this;
    const style = getComputedStyle(this.root);
    context.clearRect(0, 0, canvas.width, canvas.height);
    const ink = style.getPropertyValue("--gl-ink").trim();
    context.fillStyle = ink || roleColour(ROLES.modelA, isDarkPage(this.root));
    context.strokeStyle = style.color;
    if (data.dim === 1) this.drawBars();
    else this.drawCells();
    this.drawAxes();
    const covered = this.weights.reduce((sum, w) => sum + (w > 1 / 510 ? 1 : 0), 0);
    const words = `${grouped(covered)} of ${grouped(this.weights.length)} cells have mass.`;
    if (this.status.textContent !== words) this.status.textContent = words;
  }

  drawBars() {
    const { context, canvas, weights } = this;
    const width = canvas.width / weights.length;
    weights.forEach((weight, i) => {
      const height = weight * (canvas.height - 4);
      context.fillRect(i * width, canvas.height - height, width - 0.5, height);
    });
  }

  drawCells() {
    const { context, weights } = this;
    const { cells } = this.data;
    for (let x = 0; x < cells; x++) {
      for (let y = 0; y < cells; y++) {
        const weight = weights[x * cells + y];
        if (weight <= 1 / 510) continue;
        context.globalAlpha = 0.15 + 0.85 * weight;
        context.fillRect(x * SCALE, (cells - 1 - y) * SCALE, SCALE, SCALE);
      }
    }
    context.globalAlpha = 1;
  }

  /** Draws the middle of the box, its ends, and the cursor of the arrow keys. */
  drawAxes() {
    const { context, canvas, data } = this;
    const { width, height } = canvas;
    context.globalAlpha = 0.25;
    context.beginPath();
    context.moveTo(width / 2, 0);
    context.lineTo(width / 2, height);
    if (data.dim === 2) {
      context.moveTo(0, height / 2);
      context.lineTo(width, height / 2);
    }
    context.stroke();
    context.globalAlpha = 1;
    const root = this.root.getRootNode();
    const active = root instanceof ShadowRoot ? root.activeElement : document.activeElement;
    if (active !== canvas) return;
    const [x, y] = this.cursor;
    const cell = width / data.cells;
    context.lineWidth = this.hasPen ? 4 : 2;
    if (data.dim === 1) context.strokeRect(Math.floor(x) * cell, 1, cell, height - 2);
    else {
      const radius = Math.max(1, this.radius) * cell;
      context.beginPath();
      context.arc(x * cell, height - y * cell, radius, 0, 2 * Math.PI);
      context.stroke();
    }
    context.lineWidth = 1;
  }
}
