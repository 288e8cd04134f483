// What stands over the points of a map: rings, letters, the reader's own points, and texts.

import { clamp } from "../shared/numbers.js";
import { addPolygon } from "./marks.js";

/** @import { Point } from "./search.js" */

/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {{ letter: string, x: number, y: number }} Guest a point of the reader's own */
/** @typedef {{ width: number, height: number }} Size of the canvas in CSS pixels */

/**
 * Draws a ring.
 * @param {Context} context what is drawn on
 * @param {number} x centre, from the left
 * @param {number} y centre, from the top
 * @param {number} radius of the ring
 */
export function drawRing(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
}

/**
 * Marks rows with a letter.
 * @param {Context} context what is drawn on
 * @param {Record<string, number>} marks row of each letter; rows that are not there are left out
 * @param {Float32Array} px x and y of each point
 */
export function drawLetters(context, marks, px) {
  context.font = "600 13px sans-serif";
  context.lineWidth = 2;
  for (const [letter, row] of Object.entries(marks)) {
    if (!(row >= 0 && 2 * row < px.length)) continue;
    const [x, y] = [px[2 * row], px[2 * row + 1]];
    drawRing(context, x, y, 8);
    context.fillText(letter, x + 10, y - 6);
  }
}

/**
 * Draws the reader's own points; one beyond the edge of the canvas is shown at the edge.
 * @param {Context} context what is drawn on
 * @param {Guest[]} guests the points
 * @param {Size} size of the canvas
 */
export function drawGuests(context, guests, { width, height }) {
  context.font = "600 13px sans-serif";
  for (const { letter, x, y } of guests) {
    context.save();
    context.translate(clamp(x, 10, width - 22), clamp(y, 16, height - 10));
    context.beginPath();
    addPolygon(context, 8, 4, 0);
    context.fill();
    context.fillText(letter, 10, -6);
    context.restore();
  }
}

/**
 * Writes the names of the axes and the quality of the map into its corners.
 * @param {Context} context what is drawn on
 * @param {[string, string] | null} axes names of the axes
 * @param {string} quality of the map
 * @param {Size} size of the canvas
 */
export function drawTexts(context, axes, quality, { width, height }) {
  context.font = "11px sans-serif";
  if (axes) {
    context.fillText(axes[0], width - 34, height - 8);
    context.fillText(axes[1], 6, 16);
  }
  context.fillText(quality, width - context.measureText(quality).width - 8, 14);
}

/**
 * Draws the outline of a lasso or a box.
 * @param {Context} context what is drawn on
 * @param {Point[]} outline its corners in order
 */
export function drawOutline(context, outline) {
  context.setLineDash([4, 3]);
  context.beginPath();
  for (const [x, y] of outline) context.lineTo(x, y);
  context.closePath();
  context.stroke();
  context.setLineDash([]);
}
