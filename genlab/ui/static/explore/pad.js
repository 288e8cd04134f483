// The latent pad: a square over two directions of the latent space, a strip where there is one. A
// drag moves z, and the decoder runs here, in the page, once for each frame of the screen. The
// server hears of z when it is let go, with a number that no other move has.

import { PlotAxes } from "../shared/axes.js";
import { context2d, make, pointerPosition } from "../shared/dom.js";
import { dot, inUnits } from "../shared/numbers.js";
import { isDarkPage, onThemeChange } from "../shared/page_theme.js";
import { roleColour, ROLES } from "../shared/roles.js";
import { source } from "../shared/source.js";
import { load } from "./decoder.js";
import { clampToPad, moveInPlane } from "./plane.js";

/** @import { PadData, Program } from "./wire" */
/** @import { Component } from "../shared/component" */
/** @import { Range } from "../shared/axes.js" */

/** So many durations of decoding are kept. */
const DURATIONS = 400;
/** Significant digits of z as the server hears of it. */
const DIGITS = 4;
/** Numbers of so many decoders are kept. */
const KEPT = 6;
/** Parts of the range that an arrow key moves by: alone, and with shift. */
const SMALL_MOVE = 1 / 50;
const LARGE_MOVE = 1 / 10;
/** @type {Record<string, [number, number] | undefined>} */
const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowDown: [0, -1],
  ArrowUp: [0, 1],
};

/** @typedef {{ run: (z: ArrayLike<number>) => Float32Array, shape: number[] }} Decoder */

/** @type {WeakMap<HTMLElement | ShadowRoot, Pad>} */
const pads = new WeakMap();

/**
 * Draws the pad, or updates the one that is there.
 * @param {Component<PadData>} component the place in the page
 * @returns {() => void} called when the pad leaves the page
 */
export function mount({ data, parentElement, setStateValue }) {
  let pad = pads.get(parentElement);
  if (!pad) pads.set(parentElement, (pad = new Pad(parentElement)));
  pad.report = (at) => setStateValue("at", at);
  pad.update(data);
  return () => pad.rest();
}

/**
 * Numbers of the last decoders, by their address: another class of the same model has the same.
 * @type {Map<string, Promise<ArrayBuffer>>}
 */
const weights = new Map();

/** @param {string} path of a part of a decoder */
async function fetchPart(path) {
  const reply = await source().fetch(path);
  if (reply.ok) return reply;
  const { error } = await reply.json().catch(() => ({}));
  throw new Error(error ?? "The decoder did not load.");
}

/**
 * @param {PadData} data with the addresses of the decoder
 * @returns {Promise<Decoder>}
 */
async function fetchDecoder(data) {
  /** @type {Program} */
  const program = await (await fetchPart(data.program)).json();
  let numbers = weights.get(program.weights);
  if (!numbers) {
    numbers = fetchPart(data.weights).then((reply) => reply.arrayBuffer());
    weights.set(program.weights, numbers);
    numbers.catch(() => weights.delete(program.weights));
    const [oldest] = weights.keys();
    if (weights.size > KEPT) weights.delete(oldest);
  }
  return { run: load(program, await numbers), shape: program.shape };
}

class Pad {
  /** @type {PadData | null} */
  data = null;
  /** Number of the last move. */
  n = -1;
  /** Durations of the last decodings in milliseconds, and how many there were. */
  took = new Float64Array(DURATIONS);
  frames = 0;
  isDragged = false;
  hasMoved = false;
  isPlanned = false;
  /** Where the point should be in the next frame. @type {[number, number] | null} */
  wanted = null;
  u = new Float64Array(0);
  v = new Float64Array(0);
  z = new Float64Array(0);
  isLine = false;
  /** @type {[Range, Range]} */
  ranges = [
    [-1, 1],
    [-1, 1],
  ];
  ink = "";
  accent = "";
  isDark = false;
  /** @type {PlotAxes | null} */
  axes = null;
  /** @type {Decoder | null} */
  decoder = null;
  /** The last decoded point, where the data are points. @type {number[]} */
  decoded = [];
  /** @type {ImageData | null} */
  image = null;
  /**
   * The data space with the data, drawn once.
   * @type {{ canvas: HTMLCanvasElement, axes: PlotAxes } | null}
   */
  dataSpace = null;
  /** @type {ResizeObserver | null} */
  resizes = null;
  /** @type {(at: { n: number, z: number[] }) => void} */
  report = () => {};

  /** @param {HTMLElement | ShadowRoot} parent where the pad is appended */
  constructor(parent) {
    this.root = make("div", { class: "gl gl-pad" }, parent);
    onThemeChange(this.root, () => this.drawBackground());
    const looks = { class: "gl-square", tabindex: 0, role: "application" };
    this.square = make("canvas", { ...looks, "aria-roledescription": "pad" }, this.root);
    this.back = make("canvas");
    const figure = make("figure", {}, this.root);
    const named = { class: "gl-decoded", role: "img", "aria-label": "the decoded example" };
    this.output = make("canvas", named, figure);
    this.words = make("figcaption", {}, figure);
    this.listen();
    Object.assign(this.root, { pad: this });
  }

  listen() {
    const { square } = this;
    square.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      square.setPointerCapture(event.pointerId);
      square.focus({ preventScroll: true });
      this.isDragged = true;
      this.follow(event);
    });
    square.addEventListener("pointermove", (event) => {
      if (this.isDragged) this.follow(event);
    });
    const release = () => {
      if (!this.isDragged) return;
      this.isDragged = false;
      this.commit();
    };
    square.addEventListener("pointerup", release);
    square.addEventListener("pointercancel", release);
    square.addEventListener("keydown", (event) => this.handleKey(event));
    square.addEventListener("keyup", (event) => {
      if (event.key.startsWith("Arrow")) this.commit();
    });
    square.addEventListener("blur", () => {
      if (this.hasMoved && !this.isDragged) this.commit();
    });
  }

  /** @param {PadData} data what the page hands over */
  update(data) {
    const before = this.data;
    this.data = data;
    this.isLine = !data.v;
    this.u = Float64Array.from(data.u);
    this.v = data.v ? Float64Array.from(data.v) : new Float64Array(data.u.length);
    this.ranges = [data.span[0], data.span[1] ?? [-1, 1]];
    this.square.classList.toggle("gl-line", this.isLine);
    this.observe();
    // What the server knows may be older than what was just let go here.
    if (data.n > this.n && !this.isDragged) {
      this.n = data.n;
      this.z = Float64Array.from(data.z);
    }
    const up = this.isLine ? "" : ` and ${data.names[1]} (up, down)`;
    const keys = "arrow keys move it, with shift further";
    const label = `z along ${data.names[0]} (left, right)${up}; ${keys}`;
    this.square.setAttribute("aria-label", label);
    if (before?.program !== data.program) void this.fetch(data);
    this.drawBackground();
  }

  /** Follows the size of the pad. */
  observe() {
    if (this.resizes) return;
    this.resizes = new ResizeObserver(() => this.drawBackground());
    this.resizes.observe(this.square);
  }

  /** Stops while the pad is not on the page. */
  rest() {
    this.resizes?.disconnect();
    this.resizes = null;
  }

  /** @param {PadData} data with the addresses of the decoder */
  async fetch(data) {
    const isCurrent = () => this.data?.program === data.program;
    try {
      const decoder = await fetchDecoder(data);
      if (!isCurrent()) return;
      this.decoder = decoder;
      this.root.dataset.program = data.program;
      this.draw();
    } catch (error) {
      if (isCurrent()) this.words.textContent = error instanceof Error ? error.message : "";
    }
  }

  // --- moving ---

  /** Gives where z is along both directions. @returns {[number, number]} */
  position() {
    return [dot(this.z, this.u), dot(this.z, this.v)];
  }

  /** Moves z to the wanted position. */
  moveToWanted() {
    if (this.wanted) {
      moveInPlane(this.z, this.u, this.v, clampToPad(this.wanted, this.ranges));
      this.hasMoved = true;
      this.draw();
    }
    this.wanted = null;
  }

  /** @param {PointerEvent} event whose position the point follows */
  follow(event) {
    if (!this.axes) return;
    this.wanted = this.axes.valueAt(...pointerPosition(this.square, event));
    this.plan();
  }

  /** Moves z once for each frame of the screen. */
  plan() {
    if (this.isPlanned) return;
    this.isPlanned = true;
    requestAnimationFrame(() => {
      this.isPlanned = false;
      this.moveToWanted();
    });
  }

  /** @param {KeyboardEvent} event arrows move the point */
  handleKey(event) {
    const by = ARROWS[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const part = event.shiftKey ? LARGE_MOVE : SMALL_MOVE;
    const [s, t] = this.wanted ?? this.position();
    const [[s0, s1], [t0, t1]] = this.ranges;
    this.wanted = [s + by[0] * part * (s1 - s0), t + by[1] * part * (t1 - t0)];
    this.plan();
  }

  /** Tells the server where z was let go. */
  commit() {
    this.moveToWanted();
    if (!this.hasMoved) return;
    this.hasMoved = false;
    const z = Array.from(this.z, (value) => Number(value.toPrecision(DIGITS)));
    this.z.set(z);
    this.draw();
    this.n = Math.max(this.n + 1, Date.now());
    this.report({ n: this.n, z });
  }

  // --- drawing ---

  /** Draws what does not move, axes and codes. Each frame copies it and adds the point. */
  drawBackground() {
    const side = this.square.clientWidth;
    const ratio = window.devicePixelRatio || 1;
    if (!side || !this.data) return;
    const style = getComputedStyle(this.root);
    this.ink = style.color;
    this.isDark = isDarkPage(this.root);
    const primary = style.getPropertyValue("--st-primary-color").trim();
    this.accent = primary || roleColour(ROLES.modelA, this.isDark);
    const height = this.isLine ? side / 4 : side;
    for (const canvas of [this.back, this.square]) {
      resize(canvas, Math.round(side * ratio), Math.round(height * ratio));
    }
    const context = context2d(this.back);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, side, height);
    const axes = (this.axes = new PlotAxes(context, side, height, this.ink));
    axes.setRanges(...this.ranges);
    axes.drawGrid({ yticks: !this.isLine });
    context.fillStyle = this.ink;
    context.globalAlpha = 0.22;
    for (const [s, t = 0] of this.data.dots) axes.disc(axes.px(s), axes.py(t), 2.2);
    context.globalAlpha = 1;
    axes.drawTitles(...this.data.names);
    this.dataSpace = null;
    this.draw();
  }

  /** Draws the point, and what it decodes to. */
  draw() {
    const { axes, data, decoder } = this;
    if (!axes || !data) return;
    const [s, t] = this.position();
    this.drawPoint(axes, axes.px(s), axes.py(t));
    if (!decoder) return;
    const begun = performance.now();
    const example = decoder.run(this.z);
    this.took[this.frames++ % DURATIONS] = performance.now() - begun;
    if (data.box) this.drawExamplePoint(data, data.box, decoder.shape, example);
    else this.drawImage(decoder.shape, example);
    const values = [s, t];
    const words = data.names.map((name, i) => `${name} = ${values[i].toFixed(3)}`);
    this.words.textContent = words.join(" · ");
  }

  /**
   * @param {PlotAxes} axes of the pad
   * @param {number} x position across, in pixels
   * @param {number} y position from the top, in pixels
   */
  drawPoint(axes, x, y) {
    const context = copyBackground(this.square, this.back);
    const { left, top, width, height } = axes;
    context.strokeStyle = this.accent;
    context.globalAlpha = 0.5;
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, height - axes.bottom);
    context.moveTo(left, y);
    context.lineTo(width - axes.right, y);
    context.stroke();
    context.globalAlpha = 1;
    drawMarker(context, x, y, this.accent);
  }

  /**
   * Draws an image with one pixel of the canvas for each of its own; the style sheet enlarges it.
   * @param {number[]} shape channels, height and width
   * @param {Float32Array} example its values
   */
  drawImage([channels, height, width], example) {
    const { output } = this;
    const size = height * width;
    const context = context2d(output);
    if (output.width !== width || output.height !== height || !this.image) {
      resize(output, width, height);
      this.image = context.createImageData(width, height);
      this.image.data.fill(255);
      output.setAttribute("aria-label", "the decoded image");
    }
    const bytes = this.image.data;
    for (let i = 0; i < size; i++) {
      for (let c = 0; c < 3; c++) {
        bytes[4 * i + c] = 255 * example[channels > 1 ? c * size + i : i];
      }
    }
    context.putImageData(this.image, 0, 0);
  }

  /**
   * Draws a decoded point among the data.
   * @param {PadData} data with the data points
   * @param {[Range, Range]} box ranges of the data space
   * @param {number[]} shape of an example
   * @param {Float32Array} example its values
   */
  drawExamplePoint(data, box, shape, example) {
    const isPlane = shape[0] > 1;
    const side = this.output.clientWidth || 280;
    const wide = Math.round(side * (window.devicePixelRatio || 1));
    this.output.classList.add("gl-points");
    if (this.dataSpace?.canvas.width !== wide) {
      this.dataSpace = drawDataSpace(side, wide, box, data, isPlane, this.ink);
      resize(this.output, wide, wide);
      this.output.setAttribute("aria-label", "the decoded point among the data");
    }
    const { canvas, axes } = this.dataSpace;
    const context = copyBackground(this.output, canvas);
    const generated = roleColour(ROLES.generated, this.isDark);
    const [x, y] = [0, 1].map((k) => inUnits(example[k], data.units?.[k]));
    drawMarker(context, axes.px(x), axes.py(isPlane ? y : 0), generated);
    this.decoded = Array.from(example);
  }
}

/**
 * Changes the size of a canvas, which clears it, only where it differs.
 * @param {HTMLCanvasElement} canvas the canvas
 * @param {number} width in its own pixels
 * @param {number} height in its own pixels
 */
function resize(canvas, width, height) {
  if (canvas.width === width && canvas.height === height) return;
  canvas.width = width;
  canvas.height = height;
}

/**
 * Copies one canvas to another.
 * @param {HTMLCanvasElement} canvas the target
 * @param {HTMLCanvasElement} back the source
 * @returns {CanvasRenderingContext2D} to draw on the target, in CSS pixels
 */
function copyBackground(canvas, back) {
  const context = context2d(canvas);
  const ratio = window.devicePixelRatio || 1;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(back, 0, 0);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/**
 * @param {CanvasRenderingContext2D} context what is drawn on
 * @param {number} x position across, in pixels
 * @param {number} y position from the top, in pixels
 * @param {string} colour of the marker
 */
function drawMarker(context, x, y, colour) {
  context.fillStyle = colour;
  context.strokeStyle = "#fff";
  context.lineWidth = 2;
  context.beginPath();
  context.arc(x, y, 7, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
}

/**
 * Draws the data space with the data points.
 * @param {number} side of the canvas in CSS pixels
 * @param {number} wide side of the canvas in its own pixels
 * @param {[Range, Range]} box ranges of the data space
 * @param {PadData} data points, and the names of the axes
 * @param {boolean} isPlane whether the data have two dimensions
 * @param {string} ink colour of axes and points
 */
function drawDataSpace(side, wide, box, data, isPlane, ink) {
  const canvas = make("canvas", { width: wide, height: wide });
  const context = context2d(canvas);
  context.scale(wide / side, wide / side);
  const axes = new PlotAxes(context, side, side, ink);
  // Columns of different units have scales of their own.
  axes.setRanges(...box, isPlane && !data.units);
  axes.drawGrid({ yticks: isPlane });
  context.fillStyle = ink;
  context.globalAlpha = 0.25;
  const half = isPlane ? 1.5 : 12;
  for (const [a, b = 0] of data.points ?? []) {
    context.fillRect(axes.px(a) - 1.5, axes.py(b) - half, 3, 2 * half);
  }
  context.globalAlpha = 1;
  axes.drawTitles(...(data.axes ?? ["data space", ""]));
  return { canvas, axes };
}
