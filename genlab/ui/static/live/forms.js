// The table of picture forms: each has one function that draws it, named by the row of the form in
// genlab/panels. A form of a plugin has a module of its own, which is imported with its first
// picture. An unknown form is an error.

import { createCalibration } from "./calibration.js";
import { createDensityPlot } from "./density.js";
import { createFlowField } from "./flow_field.js";
import { createGapMap } from "./gap.js";
import { createSheet } from "./images.js";
import { createLedger } from "./ledger.js";
import { drawBars, drawField, drawHistogram, drawPoints } from "./plots.js";
import { TABLES } from "./tables.js";

/** @import { Cell } from "./cell.js" */
/** @import { PlotAxes } from "../shared/axes.js" */
/** @import { Table } from "./tables.js" */

/**
 * @typedef {{ form: string, title?: string, note?: string }} Frame a picture as the server sends
 *   it; `form` says which other fields it has
 */
/** @typedef {(frame: Frame, step: number) => void | Promise<void>} Form draws a picture */
/**
 * @typedef {[text: string, colour: string | null, sign?: string]} LegendEntry a text, its colour,
 *   and the CSS class of its sign
 */

/**
 * @typedef {object} FormModule what the script of a plugin's form exports
 * @property {(axes: PlotAxes, frame: any, cell: Cell) => LegendEntry[]} draw draws, and gives
 *   the legend
 * @property {(frame: any) => Table} table what the picture shows, for a CSV file
 * @property {(width: number, side: number) => number} [height] as for `plot`
 */

/**
 * Says which frames a function draws: those whose `form` is its key in the table.
 * @template {Frame} F
 * @param {(cell: Cell) => (frame: F, step: number) => void | Promise<void>} create makes the
 *   drawing function of a cell
 * @returns {(cell: Cell) => Form}
 */
function form(create) {
  return /** @type {(cell: Cell) => Form} */ (create);
}

/**
 * Draws on one canvas with axes and a legend.
 * @template {Frame} F
 * @param {(width: number, side: number) => number} height from the width of the canvas and the
 *   side that the picture may have at most to its height
 * @param {(axes: PlotAxes, frame: F, cell: Cell) => LegendEntry[]} draw draws and gives the legend
 */
function plot(height, draw) {
  return form((cell) => /** @param {F} frame */ (frame) => {
    const axes = cell.clearedAxes((width) => height(width, cell.side));
    cell.describe(frame);
    cell.setLegend(draw(axes, frame, cell));
  });
}

/** @param {number} width of the canvas @param {number} side that the picture may have at most */
const square = (width, side) => Math.min(width, side);
/** @param {number} width of the canvas @param {number} side that the picture may have at most */
const flat = (width, side) => Math.min(0.75 * width, 0.8 * side);

/** @type {Record<string, ((cell: Cell) => Form) | undefined>} */
export const FORMS = {
  images: form(/** @param {Cell} cell */ (cell) => createSheet(cell)),
  points: plot(square, drawPoints),
  histogram: plot(flat, drawHistogram),
  bars: plot(flat, drawBars),
  field: plot(square, drawField),
  gap: form(createGapMap),
  flow_field: form(createFlowField),
  ledger: form(createLedger),
  calibration: form(createCalibration),
  line: form(createDensityPlot),
};

/** Forms whose card is as wide as the page. */
export const WIDE = new Set(["gap", "flow_field", "ledger", "line"]);

/** A picture that these scripts cannot draw. */
export class UnknownForm extends Error {
  /** @param {string} form of the picture @param {string} reason what is wrong with it */
  constructor(form, reason) {
    super(`This page cannot draw pictures of the form "${form}". ${reason}`);
  }
}

/**
 * Adds the form of a plugin to the tables.
 * @param {string} name of the form
 * @param {Partial<FormModule>} module what its script exports
 */
export function addForm(name, { draw, table, height = flat }) {
  if (!draw || !table) {
    throw new UnknownForm(name, `Its script does not export "${draw ? "table" : "draw"}".`);
  }
  FORMS[name] = plot(height, draw);
  TABLES[name] = table;
}

/**
 * Loads the script of a form unless it is in the table.
 * @param {string} name of the form
 */
export async function loadForm(name) {
  if (FORMS[name]) return;
  let module;
  try {
    if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Error("no name of a form");
    module = await import(`../forms/${name}.js`);
  } catch (error) {
    console.warn(`The script of the form "${name}" did not load.`, error);
    throw new UnknownForm(name, "Reload the page after an update.");
  }
  addForm(name, module);
}
