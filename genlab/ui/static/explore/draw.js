// A small canvas to draw on; the picture is sent when the pen is lifted.

import { context2d, find } from "../shared/dom.js";
import { clamp } from "../shared/numbers.js";

/** @import { DrawData } from "./wire" */
/** @import { Component } from "../shared/component" */

/** So many strokes can be undone. */
const UNDO = 20;
/**
 * Arrow keys and how they move the pen, in pixels of the model's pictures.
 * @type {Record<string, [number, number] | undefined>}
 */
const MOVES = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** @type {WeakMap<HTMLElement | ShadowRoot, DrawingCanvas>} */
const canvases = new WeakMap();

/**
 * Lets the reader draw on the canvas that is there.
 * @param {Component<DrawData>} component the place in the page
 * @returns {() => void} called when the canvas leaves the page; nothing is left to do then
 */
export function mount({ data, parentElement, setStateValue }) {
  let drawing = canvases.get(parentElement);
  const isSame = drawing?.canvas === parentElement.querySelector("canvas");
  if (!drawing || !isSame || drawing.data.side !== data.side) {
    canvases.set(parentElement, (drawing = new DrawingCanvas(parentElement, data)));
  }
  drawing.data = data;
  find(parentElement, "div", ".gl-draw").hidden = false;
  drawing.report = (value) => setStateValue("drawing", value);
  return () => {};
}

class DrawingCanvas {
  /** Pictures before each of the last strokes. @type {ImageData[]} */
  before = [];
  isDown = false;
  /** Where the stroke is. @type {[number, number] | null} */
  at = null;
  /** Where the pen of the arrow keys is, as shares of the canvas. */
  x = 0.5;
  y = 0.5;
  /** @type {(drawing: string | null) => void} */
  report = () => {};

  /**
   * @param {HTMLElement | ShadowRoot} parent with the canvas and its tools
   * @param {DrawData} data colours and sizes
   */
  constructor(parent, data) {
    this.data = data;
    this.canvas = find(parent, "canvas");
    this.colour = find(parent, "input", "[type=color]");
    this.size = find(parent, "input", "[type=range]");
    this.context = context2d(this.canvas, { willReadFrequently: true });
    this.canvas.width = this.canvas.height = data.side;
    this.colour.value = data.ink;
    if (this.colour.parentElement) this.colour.parentElement.hidden = !data.colours;
    this.clear();
    if (data.drawing) this.show(data.drawing);
    const [undo, clear] = parent.querySelectorAll("button");
    undo.onclick = () => this.undo();
    clear.onclick = () => {
      this.keep();
      this.clear();
      this.report(null);
    };
    this.listen();
  }

  /** Fills the canvas with its background. */
  clear() {
    this.context.fillStyle = this.data.ground;
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /**
   * Shows what was sent before, so that the reader sees what the model sees.
   * @param {string} drawing a `data:` address
   */
  show(drawing) {
    const { width, height } = this.canvas;
    const image = new Image();
    image.onload = () => this.context.drawImage(image, 0, 0, width, height);
    image.src = drawing;
  }

  send() {
    this.report(this.canvas.toDataURL("image/png"));
  }

  /** Keeps the picture before a stroke. */
  keep() {
    this.before.push(this.context.getImageData(0, 0, this.canvas.width, this.canvas.height));
    if (this.before.length > UNDO) this.before.shift();
  }

  undo() {
    const last = this.before.pop();
    if (!last) return;
    this.context.putImageData(last, 0, 0);
    if (this.before.length) this.send();
    else this.report(null);
  }

  /**
   * Draws from where the stroke is to a point.
   * @param {number} x across, in pixels of the canvas
   * @param {number} y from the top, in pixels of the canvas
   */
  drawTo(x, y) {
    const { context } = this;
    const [fromX, fromY] = this.at ?? [x, y];
    context.strokeStyle = this.colour.value;
    context.lineWidth = (Number(this.size.value) * this.canvas.width) / this.data.pixels;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(fromX, fromY);
    // Some browsers do not draw a line from a point to itself.
    context.lineTo(x + (this.at ? 0 : 0.01), y);
    context.stroke();
    this.at = [x, y];
  }

  /** Draws to where the pen of the arrow keys is. */
  drawToPen() {
    this.drawTo(this.x * this.canvas.width, this.y * this.canvas.height);
  }

  /** @param {PointerEvent} event whose position the stroke goes on to */
  drawToPointer(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.canvas.width;
    this.drawTo(x, ((event.clientY - box.top) / box.height) * this.canvas.height);
  }

  press() {
    this.keep();
    this.isDown = true;
    this.at = null;
  }

  lift() {
    if (!this.isDown) return;
    this.isDown = false;
    this.at = null;
    this.canvas.classList.remove("down");
    this.send();
  }

  listen() {
    const { canvas } = this;
    canvas.onpointerdown = (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      canvas.focus();
      canvas.setPointerCapture(event.pointerId);
      this.press();
      this.drawToPointer(event);
    };
    canvas.onpointermove = (event) => {
      if (!this.isDown) return;
      for (const part of event.getCoalescedEvents?.() ?? []) this.drawToPointer(part);
      this.drawToPointer(event);
    };
    canvas.onpointerup = canvas.onpointercancel = canvas.onblur = () => this.lift();
    canvas.onkeydown = (event) => this.handleKey(event);
  }

  /** @param {KeyboardEvent} event space puts the pen down or lifts it; arrows move it */
  handleKey(event) {
    const move = MOVES[event.key];
    if (event.key !== " " && !move) return;
    event.preventDefault();
    if (!move) {
      if (this.isDown) this.lift();
      else {
        this.press();
        this.canvas.classList.add("down");
        this.drawToPen();
      }
      return;
    }
    this.x = clamp(this.x + move[0] / this.data.pixels, 0, 1);
    this.y = clamp(this.y + move[1] / this.data.pixels, 0, 1);
    this.canvas.style.setProperty("--x", `${100 * this.x}%`);
    this.canvas.style.setProperty("--y", `${100 * this.y}%`);
    if (this.isDown) this.drawToPen();
  }
}
