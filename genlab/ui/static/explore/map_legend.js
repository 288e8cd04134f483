// The legend below a map: the classes with their marks, or the scale of the values.

import { context2d, make } from "../shared/dom.js";

/** @import { MapData } from "./wire" */
/** @import { Mark } from "./marks.js" */

/**
 * @typedef {(context: CanvasRenderingContext2D, mark: Mark) => void} DrawMark draws about
 *   the origin
 */

/**
 * Draws the legend anew.
 * @param {HTMLElement} legend where it stands
 * @param {MapData} data classes, values and colours
 * @param {Mark[]} marks looks of the points, as `marksOf` gives them
 * @param {boolean} hasGenerated whether the model generated any of the points
 * @param {DrawMark} drawMark draws a mark as the map does
 */
export function drawMapLegend(legend, data, marks, hasGenerated, drawMark) {
  const { names, palette, values } = data;
  legend.replaceChildren();
  if (values) {
    /** @param {number} v */
    const text = (v) => String(Number(v.toPrecision(3)));
    const ramp = make("span", { class: "gl-ramp" });
    ramp.style.background = `linear-gradient(90deg, ${palette.join(",")})`;
    legend.append(values.title, text(values.low), ramp, text(values.high));
  }
  for (const [k, name] of (names ?? []).entries()) {
    addEntry(legend, name, marks[k], drawMark);
  }
  // The looks of generated points come after those of the data.
  if (hasGenerated) addEntry(legend, "generated", marks[marks.length / 2], drawMark);
}

/**
 * @param {HTMLElement} legend where the entry is appended
 * @param {string} name of the points
 * @param {Mark} mark of the points
 * @param {DrawMark} drawMark draws it
 */
function addEntry(legend, name, mark, drawMark) {
  const entry = make("span", {}, legend);
  const icon = make("canvas", { width: 28, height: 28, "aria-hidden": "true" }, entry);
  icon.style.width = icon.style.height = "14px";
  const context = context2d(icon);
  context.translate(14, 14);
  context.scale(2, 2);
  drawMark(context, mark);
  entry.append(name);
}
