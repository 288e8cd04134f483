// A table of divergences with a bar for each, all on one logarithmic scale.

import { make } from "../shared/dom.js";
import { grouped, short, shortOrInfinite } from "../shared/format.js";
import { clamp } from "../shared/numbers.js";

/** @import { Cell } from "./cell.js" */
/** @import { LedgerFrame, LedgerRow } from "./wire" */

/** Exponents of ten at the left end of the bars, and at their right end at most. */
const LOWEST = -3;
const HIGHEST = 2;
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
  make("td", {}, line, shortOrInfinite(value) + margin(row));
  make("td", {}, line, shortOrInfinite(floor));
  const source = bound ? `${bound.how}, n = ${grouped(bound.n)}` : "";
  make("td", { title: source }, line, bound ? boundText(bound) : "");
  return line;
}

/** @param {LedgerRow} row whose standard error is written, or what an infinite value is at least */
function margin({ value, error, at_least }) {
  if (typeof value === "number") return error ? ` ± ${short(error)}` : "";
  return value === "infinite" && at_least !== null ? ` (> ${short(at_least)})` : "";
}

/** @param {NonNullable<LedgerRow["bound"]>} bound that the model gives */
function boundText({ side, value, error }) {
  const text = `${side === "lower" ? "≥" : "≤"} ${shortOrInfinite(value)}`;
  return error ? `${text} ± ${short(error)}` : text;
}
