// The note beside a point of a map: its picture from a sheet, and words.

import { context2d, make } from "../shared/dom.js";
import { clamp } from "../shared/numbers.js";

/** @import { MapData } from "./wire" */
/** @import { Point } from "./search.js" */

/** Pictures are enlarged up to so many pixels across, by a whole number. */
const WIDTH = 84;
/** Pixels between a point and its note. */
const GAP = 16;

/**
 * Chooses where a note stands: right of its point, or left of it where there is no room; within
 * the canvas.
 * @param {Point} point in pixels
 * @param {{ width: number, height: number }} size of the note
 * @param {{ width: number, height: number }} canvas its size
 * @returns {Point} upper left corner of the note
 */
export function tipPosition([x, y], size, canvas) {
  const hasRoom = x + GAP + size.width <= canvas.width;
  const left = hasRoom ? x + GAP : x - GAP - size.width;
  const top = clamp(y - size.height / 2, 0, Math.max(0, canvas.height - size.height));
  return [Math.max(0, left), top];
}

/** The note beside a point. */
export class Tip {
  /** Pictures of all points. @type {HTMLImageElement | null} */
  sheet = null;

  /** @param {ParentNode} parent where the note is appended */
  constructor(parent) {
    this.root = make("div", { class: "gl-tip", hidden: "" }, parent);
    this.picture = make("canvas", {}, this.root);
    this.words = make("div", { "aria-live": "polite" }, this.root);
  }

  /**
   * Shows the note of a point.
   * @param {number} row of the point
   * @param {string} words about it
   * @param {NonNullable<MapData["sprites"]> | null} sprites layout of the sheet
   * @param {Point} point where it is, in pixels
   * @param {{ width: number, height: number }} canvas its size
   */
  show(row, words, sprites, point, canvas) {
    this.picture.hidden = !(sprites && this.sheet);
    if (sprites && this.sheet) this.drawPicture(row, sprites, this.sheet);
    this.words.textContent = words;
    this.root.hidden = false;
    this.root.dataset.row = String(row);
    const [left, top] = tipPosition(point, this.root.getBoundingClientRect(), canvas);
    this.root.style.left = `${left}px`;
    this.root.style.top = `${top}px`;
  }

  /**
   * @param {number} row of the point
   * @param {NonNullable<MapData["sprites"]>} sprites layout of the sheet
   * @param {HTMLImageElement} sheet with all pictures
   */
  drawPicture(row, { columns, width, height }, sheet) {
    const scale = Math.max(1, Math.floor(WIDTH / width));
    this.picture.width = width;
    this.picture.height = height;
    this.picture.style.width = `${width * scale}px`;
    const [x, y] = [(row % columns) * width, Math.floor(row / columns) * height];
    const context = context2d(this.picture);
    context.drawImage(sheet, x, y, width, height, 0, 0, width, height);
  }

  hide() {
    this.root.hidden = true;
    delete this.root.dataset.row;
  }
}
