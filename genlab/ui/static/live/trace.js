// One line of a chart: its numbers, its path, and its button in the legend.

import { make, makeSvg } from "../shared/dom.js";
import { short } from "../shared/format.js";
import { floorIndex, nearestIndex } from "../shared/numbers.js";
import { linePath, valuesInView } from "./series.js";

/**
 * @typedef {object} LineStyle
 * @property {string} title in the legend
 * @property {string} note behind the title
 * @property {string} colour a CSS value
 * @property {string} dash value of `stroke-dasharray`, empty for a whole line
 * @property {number | null} truth where the reference line is, if there is one
 * @property {string} truthLabel of the reference line
 */

/**
 * @typedef {object} Column
 * @property {string} title in the head of the table
 * @property {(number | null)[]} y value at each step
 */

/** One line of a chart. */
export class Trace {
  /** Steps in ascending order. @type {number[]} */
  x = [];
  /** Value at each step, null where it is not finite. @type {(number | null)[]} */
  y = [];
  /** Where each step is on the horizontal axis. @type {number[]} */
  at = [];
  hidden = false;
  /** Further columns of the table. @type {Column[]} */
  more = [];

  /**
   * @param {string} id of the line
   * @param {LineStyle} style how it looks
   * @param {ParentNode} plot where its path is appended
   * @param {ParentNode} legend where its button is appended
   * @param {() => void} onToggle called when the line was hidden or shown again
   */
  constructor(id, style, plot, legend, onToggle) {
    this.path = makeSvg("path", { class: "gl-line" }, plot);
    this.path.dataset.series = id;
    this.button = make("button", { type: "button", "aria-pressed": "true" }, legend);
    this.value = make("b");
    this.button.addEventListener("click", () => {
      this.hidden = !this.hidden;
      this.button.setAttribute("aria-pressed", String(!this.hidden));
      onToggle();
    });
    this.style = style;
    this.setStyle(style);
  }

  /** @param {LineStyle} style how the line looks from now on */
  setStyle(style) {
    this.style = style;
    const dash = style.dash || "none";
    this.path.style.stroke = style.colour;
    this.path.setAttribute("stroke-dasharray", dash);
    this.button.replaceChildren();
    const size = { width: 22, height: 8, "aria-hidden": "true" };
    const sample = makeSvg(
      "line",
      { class: "gl-line", x1: 0, x2: 22, y1: 4, y2: 4, "stroke-dasharray": dash },
      makeSvg("svg", size, this.button),
    );
    sample.style.stroke = style.colour;
    const words = make("span", {}, this.button, style.title);
    if (style.note) {
      words.append(" ");
      make("small", {}, words, style.note);
    }
    words.append(" ", this.value);
  }

  /**
   * Writes the value at a point in time into the legend.
   * @param {number | null} at the point in time, null for the last value
   */
  writeValue(at) {
    const i = at === null ? this.at.length - 1 : floorIndex(this.at, at);
    const words = i < 0 ? "" : `= ${short(this.y[i])}`;
    if (this.value.textContent !== words) this.value.textContent = words;
  }

  /**
   * Gives what must be seen within a range.
   * @param {number} low lower end of the range
   * @param {number} high upper end of the range
   */
  valuesInView(low, high) {
    return valuesInView({ x: this.at, y: this.y }, low, high);
  }

  /**
   * Draws the line in place.
   * @param {(at: number) => number} px from a point in time to its position across
   * @param {(value: number) => number} py from a value to its position from the top
   * @param {boolean} log whether the vertical axis is logarithmic
   */
  draw(px, py, log) {
    const { at, y, hidden } = this;
    this.path.setAttribute("d", hidden ? "" : linePath({ x: at, y }, px, py, log));
  }

  /**
   * Finds the reading nearest to a point in time.
   * @param {number} at the point in time
   * @returns {number} its index, -1 where nothing is shown
   */
  readingAt(at) {
    return this.hidden ? -1 : nearestIndex(this.at, at);
  }

  /**
   * Writes a reading.
   * @param {number} i its index
   */
  words(i) {
    return short(this.y[i]);
  }

  /** Removes the line from its chart. */
  remove() {
    this.path.remove();
    this.button.remove();
  }
}
