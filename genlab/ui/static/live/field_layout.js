// Where fields over the plane stand in a card: one, or several side by side.

import { PlotAxes } from "../shared/axes.js";

/** @import { Cell } from "./cell.js" */

/** From this width on, in pixels, several fields stand side by side. */
export const SIDE_BY_SIDE = 540;
/** The choice of all fields. */
export const ALL = "all";
/** Margins about a field, in pixels. */
const LEFT = 42;
const BETWEEN = 16;
const RIGHT = 6;
const TOP = 24;
const FOOT = 56;

/**
 * Makes room for fields in a card.
 * @param {Cell} cell the card
 * @param {(width: number) => string[]} choose the fields that are shown at a width in pixels
 * @returns {{ sheet: PlotAxes, names: string[], side: number, leftOf: (i: number) => number }}
 *   the whole canvas, the fields, the side of each and its left end in pixels
 */
export function layOutFields(cell, choose) {
  /** @type {string[]} */
  let names = [];
  let side = 0;
  const sheet = cell.clearedAxes((width) => {
    names = choose(width);
    const rest = width - LEFT - RIGHT - BETWEEN * (names.length - 1);
    side = Math.min(names.length > 1 ? Infinity : cell.side, rest / names.length);
    return TOP + side + FOOT;
  });
  cell.canvas.classList.add("gl-full");
  cell.canvas.dataset.maps = String(names.length);
  return { sheet, names, side, leftOf: (i) => LEFT + i * (side + BETWEEN) };
}

/**
 * Makes the axes of one field.
 * @param {PlotAxes} sheet the whole canvas
 * @param {[[number, number], [number, number]]} box lower left and upper right corner
 * @param {number} left end of the field, in pixels
 * @param {number} side of the field, in pixels
 * @param {boolean} [equalUnits] whether a unit has the same length on both axes
 * @returns {PlotAxes}
 */
export function fieldAxes(sheet, [[x0, y0], [x1, y1]], left, side, equalUnits = true) {
  const axes = new PlotAxes(sheet.context, sheet.width, sheet.height, sheet.ink);
  Object.assign(axes, { left, right: sheet.width - left - side, top: TOP, bottom: FOOT });
  axes.setRanges([x0, x1], [y0, y1], equalUnits);
  return axes;
}

/**
 * Draws the grid of a field and its title above it.
 * @param {PlotAxes} axes of the field
 * @param {string} title of the field
 * @param {boolean} first whether it is the leftmost one, which has numbers
 */
export function drawFieldFrame(axes, title, first) {
  const { context } = axes;
  axes.drawGrid({ yticks: first });
  context.fillStyle = axes.ink;
  context.font = "600 13px sans-serif";
  context.textAlign = "left";
  context.fillText(title, axes.left, 14);
  context.font = "13px sans-serif";
}
