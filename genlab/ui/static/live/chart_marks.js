// What stands in a chart beside its lines: the grid with its numbers, the reference lines with
// their labels, and the events.

import { spreadLabels, ticks } from "../shared/axes.js";
import { make, makeSvg } from "../shared/dom.js";
import { grouped, labelWithValue, short } from "../shared/format.js";
import { BOTTOM, LEFT, RIGHT } from "./chart_size.js";
import { wrapLabel } from "./labels.js";

/** @import { Chart } from "./chart.js" */
/** @import { Range } from "../shared/axes.js" */

/** Height of a line of text, in pixels. */
const LINE = 15;

/**
 * @typedef {Map<string, { value: number, colours: Set<string> }>} Truths labels of reference lines
 *   by their words
 */

/**
 * Gives the labels of the reference lines that are seen; lines at one value share a label.
 * @param {Chart} chart the chart
 * @returns {Truths} by their words
 */
export function truthTexts(chart) {
  /** @type {Truths} */
  const labels = new Map();
  for (const { x, hidden, style } of chart.traces.values()) {
    const { truth, truthLabel, colour } = style;
    if (hidden || !x.length || truth === null || truth === undefined) continue;
    if (truth <= 0 && chart.isLog) continue;
    const words = labelWithValue(truthLabel || "truth", truth);
    const label = labels.get(words) ?? { value: truth, colours: new Set() };
    label.colours.add(colour);
    labels.set(words, label);
  }
  return labels;
}

/**
 * Draws the reference lines. Their labels stand in the right margin, or below a narrow plot.
 * @param {Chart} chart the chart
 * @param {(value: number) => number} py from a value to its position
 * @param {Truths} labels of the lines
 */
export function drawTruths(chart, py, labels) {
  for (const box of [chart.truths, chart.truthLabels, chart.references]) box.replaceChildren();
  for (const { value, colours } of labels.values()) {
    const ends = { x1: LEFT, x2: chart.width - chart.right, y1: py(value), y2: py(value) };
    for (const colour of colours) {
      makeSvg("line", { class: "gl-truth", ...ends }, chart.truths).style.stroke = colour;
    }
  }
  if (chart.right > RIGHT) writeInMargin(chart, py, labels);
  else writeBelow(chart, labels);
}

/**
 * Writes the labels into the right margin, each beside its line.
 * @param {Chart} chart the chart
 * @param {(value: number) => number} py from a value to its position
 * @param {Truths} labels of the lines
 */
function writeInMargin(chart, py, labels) {
  const wrapped = [...labels.keys()].map((words) => wrapLabel(words, chart.right));
  const tallest = LINE * Math.max(1, ...wrapped.map((lines) => lines.length));
  const wanted = [...labels.values()].map(({ value }) => py(value) + 4);
  const places = spreadLabels(wanted, chart.top + 12, chart.height - BOTTOM, tallest + 3);
  [...labels.values()].forEach(({ colours }, i) => {
    const looks = { class: "gl-label gl-truth-label", y: places[i] };
    const text = makeSvg("text", looks, chart.truthLabels);
    wrapped[i].forEach((words, k) => {
      const place = { x: chart.width - chart.right + 6, dy: k ? LINE : 0 };
      const line = makeSvg("tspan", place, text);
      for (const colour of k ? [] : colours) {
        makeSvg("tspan", {}, line, "\u2501 ").style.fill = colour;
      }
      makeSvg("tspan", {}, line, words);
    });
  });
}

/**
 * @param {Chart} chart the chart
 * @param {Truths} labels that are written below its plot
 */
function writeBelow(chart, labels) {
  for (const [words, { colours }] of labels) {
    const entry = make("span", {}, chart.references);
    for (const colour of colours) {
      make("i", { class: "gl-dash" }, entry).style.setProperty("--gl-key", colour);
    }
    entry.append(words);
  }
}

/**
 * Draws the events as upright lines, with their labels above the plot.
 * @param {Chart} chart the chart
 */
export function drawEvents(chart) {
  chart.marks.replaceChildren();
  chart.markLabels.replaceChildren();
  const [low, high] = chart.range();
  for (const event of chart.events) {
    const x = chart.px(event.at);
    const ends = { x1: x, x2: x, y1: chart.top, y2: chart.height - BOTTOM };
    makeSvg("line", { class: `gl-event gl-${event.level}`, ...ends }, chart.marks);
    if (!event.label || (chart.zoom && (event.at < low || event.at > high))) continue;
    const right = x > chart.width / 2;
    const place = { x, y: chart.top - 8, "text-anchor": right ? "end" : "start" };
    const looks = { class: "gl-label gl-event-label", ...place };
    makeSvg("text", looks, chart.markLabels, event.label);
  }
}

/**
 * Draws grid lines and numbers of both axes.
 * @param {Chart} chart the chart
 * @param {Range} horizontal range of the horizontal axis
 * @param {Range} vertical range of the vertical axis, powers of ten where it is logarithmic
 * @param {(value: number) => number} py from the vertical range to its position
 */
export function drawGrid(chart, [a, b], [bottom, top], py) {
  chart.grid.replaceChildren();
  for (const v of ticks(bottom, top, 5)) {
    const y = py(v);
    makeSvg("line", { x1: LEFT, x2: chart.width - chart.right, y1: y, y2: y }, chart.grid);
    const place = { x: LEFT - 6, y: y + 4, "text-anchor": "end" };
    makeSvg("text", place, chart.grid, short(chart.isLog ? 10 ** v : v));
  }
  const corner = { x: chart.width - chart.right, y: chart.height - 6, "text-anchor": "end" };
  makeSvg("text", corner, chart.grid, chart.toSeconds ? "seconds of training" : "step");
  for (const at of ticks(a, b, Math.max(2, Math.floor(chart.innerWidth() / 80)))) {
    if (!Number.isInteger(at) && !chart.toSeconds) continue;
    const place = { x: chart.px(at), y: chart.height - BOTTOM + 16, "text-anchor": "middle" };
    makeSvg("text", place, chart.grid, grouped(at));
  }
}
