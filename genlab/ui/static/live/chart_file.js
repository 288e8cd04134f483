// A chart as a file: its SVG with all colours written out, and its numbers as a table.

import { svgFile } from "./svg_context.js";

/** @import { Table } from "./tables.js" */
/** @import { Trace } from "./trace.js" */
/** @import { Range } from "../shared/axes.js" */

/** @typedef {Pick<Trace, "y" | "at" | "hidden" | "style">} Drawn */
/** @typedef {Drawn & Partial<Pick<Trace, "more">>} TableTrace */

/** Properties that a style sheet gives to the elements of a chart. */
const PROPERTIES = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "stroke-linejoin",
  "stroke-linecap",
  "opacity",
  "font-size",
  "font-family",
  "paint-order",
  "visibility",
];
/** Height of a line of the legend, in pixels. */
const LINE = 20;

/**
 * Writes a chart as an SVG file that needs no style sheet.
 * @param {SVGSVGElement} svg the chart
 * @param {HTMLElement} legend the names of its lines
 * @param {string} back colour of the background
 * @returns {string} the text of the file
 */
export function chartSvg(svg, legend, back) {
  const copy = /** @type {SVGSVGElement} */ (svg.cloneNode(true));
  const nodes = svg.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((node, i) => {
    const style = getComputedStyle(nodes[i]);
    const text = PROPERTIES.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";");
    node.setAttribute("style", text);
  });
  const [width, height] = [svg.clientWidth, svg.clientHeight];
  const ink = getComputedStyle(legend).color;
  const names = [...legend.querySelectorAll("button")].map((button, i) => {
    const line = button.querySelector("line");
    const colour = line ? getComputedStyle(line).stroke : ink;
    const y = height + (i + 1) * LINE;
    const dash = line?.getAttribute("stroke-dasharray") ?? "none";
    const sample = `<path d="M8 ${y - 4}h22" stroke="${colour}" stroke-dasharray="${dash}"/>`;
    const style = "font:13px sans-serif";
    const words = new XMLSerializer().serializeToString(
      document.createTextNode(button.textContent ?? ""),
    );
    return `${sample}<text x="38" y="${y}" fill="${ink}" style="${style}">${words}</text>`;
  });
  const serializer = new XMLSerializer();
  const content = [...copy.childNodes].map((node) => serializer.serializeToString(node)).join("");
  return svgFile(width, height + (names.length + 1) * LINE, back, content + names.join(""));
}

/**
 * Gives the numbers of the lines that are seen.
 * @param {Map<string, TableTrace>} traces the lines
 * @param {Range} range part of the horizontal axis that is seen
 * @param {boolean} seconds whether the axis shows seconds
 * @returns {Table} a row for each step, a column for each line; of a band also its ends and runs
 */
export function chartTable(traces, [low, high], seconds) {
  const seen = [...traces.values()].filter(({ hidden }) => !hidden);
  const columns = seen.flatMap(({ at, y, style, more = [] }) => {
    return [{ title: style.title, y }, ...more].map((column) => ({ ...column, at }));
  });
  /** @type {Map<number, (number | null)[]>} */
  const rows = new Map();
  columns.forEach(({ at, y }, column) => {
    at.forEach((place, i) => {
      if (place < low || place > high) return;
      const row = rows.get(place) ?? columns.map(() => null);
      row[column] = y[i];
      rows.set(place, row);
    });
  });
  const sorted = [...rows].sort(([a], [b]) => a - b);
  return [
    [seconds ? "seconds" : "step", ...columns.map(({ title }) => title)],
    ...sorted.map(([place, row]) => [place, ...row]),
  ];
}
