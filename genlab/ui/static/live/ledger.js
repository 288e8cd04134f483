// A table of divergences with a bar for each, all on one logarithmic scale.

import { make } from "../shared/dom.js";
import { grouped, short, shortOrInfinite } from "../shared/format.js";
import { clamp } from "../shared/numbers.js";

/** @import { Cell } from "./cell.js" */
/** @import { LedgerFrame, LedgerRow } from "./wire" */

/** Exponents of ten at the left end of the bars, and at their right end at most. */
const LOWEST = -3;
const HIGHEST = 2;
/** A divergence above this is decided by a few places that the model hardly reaches. */
const MEASURABLE = 1e4;
const COLUMNS = ["divergence", "", "value", "perfect sampler", "bound from the model"];

/**
 * Chooses the right end of the bars. One huge value fills its bar and leaves room for the others.
 * @param {LedgerRow[]} rows the divergences
 * @returns {number} its exponent of ten, from 0 to 2
 */
export function topExponent(rows) {
  const lengths = rows
    .flatMap(({ value, floor, least }) => [Number(value) - least, Number(floor) - least])
    .filter((v) => Number.isFinite(v) && v > 0);
  return clamp(Math.ceil(Math.log10(Math.max(1e-3, ...lengths))), 0, HIGHEST);
}

/**
 * Says why a divergence has no number that could be read.
 * @param {Pick<LedgerRow, "value" | "at_least" | "unit">} row the divergence
 * @returns {string} the reason; empty where there is a number
 */
export function whyUnmeasurable({ value, at_least, unit }) {
  if (value === "infinite") {
    const least = at_least !== null && at_least < MEASURABLE ? `; above ${short(at_least)}` : "";
    return `the samples miss a place of the data, or lie where it has none${least}`;
  }
  if (typeof value === "number" && (value <= MEASURABLE || unit === "data units")) return "";
  return "a few places that the samples hardly reach would decide the number";
}

/**
 * Says why a bound has no number that could be read.
 * @param {NonNullable<LedgerRow["bound"]>} bound from the model
 * @returns {string} the reason; empty where there is a number
 */
export function whyBoundUnmeasurable({ value, error, how }) {
  const isRead = typeof value === "number" && Math.abs(value) <= MEASURABLE;
  if (isRead && (error === null || error <= MEASURABLE)) return "";
  return how === "ELBO"
    ? "the decoder gives some examples almost no density"
    : "a few examples with extreme scores decide the mean";
}

/**
 * Gives the length of a bar.
 * @param {number} value above the least possible one
 * @param {number} top exponent of ten at the right end
 * @returns {number} share of the full length, from 0 to 1
 */
export function barShare(value, top) {
  if (!Number.isFinite(value)) return 1;
  return value > 0 ? clamp((Math.log10(value) - LOWEST) / (top - LOWEST), 0, 1) : 0;
}

/**
 * Makes the table of a cell.
 * @param {Cell} cell where it is shown
 * @returns {(frame: LedgerFrame) => void} shows the divergences of a step
 */
export function createLedger(cell) {
  const scroll = make("div", { class: "gl-scroll" }, cell.figure);
  const table = make("table", { class: "gl-ledger" }, scroll);
  const head = make("tr", {}, make("thead", {}, table));
  const titles = COLUMNS.map((title) => make("th", { scope: "col" }, head, title));
  const body = make("tbody", {}, table);
  return (frame) => {
    const rows = frame.rows ?? [];
    const top = topExponent(rows);
    titles[1].textContent = `0.001 … ${short(10 ** top)}, log`;
    body.replaceChildren(...rows.map((row) => makeRow(row, top)));
  };
}

/**
 * @param {LedgerRow} row a divergence
 * @param {number} top exponent of ten at the right end of the bars
 */
function makeRow(row, top) {
  const { value, floor, least, bound } = row;
  const line = make("tr", { "data-row": row.name });
  const sample = row.n ? `, n = ${grouped(row.n)}` : "";
  const title = `${row.unit}, ${row.kind}${sample}`;
  make("th", { scope: "row", title }, line, row.title);
  const track = make("div", { class: "gl-track" }, make("td", {}, line));
  const isInfinite = value === "infinite";
  const bar = make("i", { class: isInfinite ? "gl-infinite" : "" }, track);
  bar.style.width = `${100 * barShare(isInfinite ? Infinity : Number(value) - least, top)}%`;
  if (typeof floor === "number") {
    const mark = make("b", { title: "a perfect sampler" }, track);
    mark.style.left = `${100 * barShare(floor - least, top)}%`;
  }
  const error = row.error ? ` ± ${short(row.error)}` : "";
  writeValue(make("td", {}, line), shortOrInfinite(value) + error, whyUnmeasurable(row));
  const isFloor = typeof floor === "number" && floor <= MEASURABLE;
  make("td", {}, line, isFloor ? short(floor) : "none");
  const source = bound ? `${bound.how}, n = ${grouped(bound.n)}` : "";
  const cell = make("td", { title: source }, line);
  if (bound) writeValue(cell, boundText(bound), whyBoundUnmeasurable(bound));
  return line;
}

/**
 * @param {HTMLElement} cell of the table
 * @param {string} value as text
 * @param {string} why there is no number that could be read, empty where there is
 */
function writeValue(cell, value, why) {
  cell.textContent = why ? "not measurable here" : value;
  if (why) make("small", {}, cell, why);
}

/** @param {NonNullable<LedgerRow["bound"]>} bound that the model gives */
function boundText({ side, value, error }) {
  const text = `${side === "lower" ? "≥" : "≤"} ${shortOrInfinite(value)}`;
  return error ? `${text} ± ${short(error)}` : text;
}
