// What a chart tells at a point in time: the values of its lines, and of bands the run that is
// nearest to the pointer.

import { make } from "../shared/dom.js";
import { grouped, short } from "../shared/format.js";
import { BandTrace } from "./band_trace.js";

/** @import { Chart } from "./chart.js" */

/** Distance from the pointer at which a run is named, in pixels. */
const NEAR = 40;

/**
 * @typedef {object} Place
 * @property {BandTrace} trace the band
 * @property {string} name of the run
 * @property {number} value of the run
 * @property {number} y where it is from the top, in pixels
 */

/**
 * Gives where the runs of the bands are at a point in time.
 * @param {Pick<Chart, "traces" | "py" | "isLog">} chart the chart
 * @param {number} at the point in time
 * @returns {Place[]} those that are seen
 */
export function bandPlaces({ traces, py, isLog }, at) {
  /** @type {Place[]} */
  const places = [];
  for (const trace of traces.values()) {
    const i = trace.readingAt(at);
    if (i < 0 || !(trace instanceof BandTrace)) continue;
    for (const { name, y } of trace.runs) {
      const value = y[i];
      if (value === null || (isLog && value <= 0)) continue;
      places.push({ trace, name, value, y: py(value) });
    }
  }
  return places;
}

/**
 * Finds the run that is nearest to the pointer.
 * @param {Place[]} places of the runs
 * @param {number | null} y of the pointer from the top, in pixels; null where there is none
 * @returns {Place | null} the run, null where none is near
 */
export function nearestRun(places, y) {
  if (y === null) return null;
  /** @type {Place | null} */
  let found = null;
  for (const place of places) {
    if (Math.abs(place.y - y) < Math.abs((found?.y ?? Infinity) - y)) found = place;
  }
  return found && Math.abs(found.y - y) <= NEAR ? found : null;
}

/**
 * Writes the values into the tip of a chart.
 * @param {Chart} chart the chart
 * @param {number} at the point in time
 * @param {number | null} y of the pointer from the top, in pixels
 * @returns {number | null} the nearest point in time that has values, null where none has
 */
export function drawTip(chart, at, y) {
  const { tip, traces, toSeconds } = chart;
  tip.replaceChildren();
  const run = nearestRun(bandPlaces(chart, at), y);
  highlight(chart, run);
  /** @type {number | null} */
  let near = null;
  for (const trace of traces.values()) {
    const i = trace.readingAt(at);
    if (i < 0) continue;
    if (near === null || Math.abs(trace.at[i] - at) < Math.abs(near - at)) near = trace.at[i];
    addRow(tip, trace.style.colour, trace.style.title, trace.words(i));
    if (run?.trace !== trace) continue;
    addRow(tip, trace.style.colour, run.name, short(run.value)).className = "gl-tip-run";
  }
  if (near === null) return null;
  const words = toSeconds ? `${short(near)} s` : `step ${grouped(near)}`;
  tip.prepend(make("div", { class: "gl-tip-step" }, null, words));
  return near;
}

/**
 * Stresses a run of a band.
 * @param {Pick<Chart, "traces">} chart the chart
 * @param {Place | null} run that is stressed, null for none
 */
export function highlight({ traces }, run) {
  for (const trace of traces.values()) {
    if (trace instanceof BandTrace) trace.highlight(run?.trace === trace ? run.name : null);
  }
}

/**
 * @param {HTMLElement} tip where the row is added
 * @param {string} colour of the line
 * @param {string} title of the line
 * @param {string} value its value in words
 */
function addRow(tip, colour, title, value) {
  const row = make("div", {}, tip);
  make("i", {}, row).style.background = colour;
  make("span", {}, row, title);
  make("b", {}, row, value);
  return row;
}
