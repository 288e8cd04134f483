// What a picture shows, as a table for a CSV file. Nothing here touches the page.

import { fromBase64 } from "../shared/bytes.js";
import { byteValue } from "./bytes.js";

/** @import { Frame } from "./forms.js" */
/** @import * as wire from "./wire" */

/** @typedef {(string | number | null | undefined)[][]} Table rows; the first one has the names */

/**
 * Writes a table as CSV (RFC 4180).
 * @param {Table} rows of the table
 * @returns {string} the text of the file
 */
export function csvText(rows) {
  /** @param {string | number | null | undefined} value */
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

/** @param {wire.PointsFrame} frame */
function pointsTable({ x = [], label, classes = [], axes }) {
  const [across, up] = axes ?? ["x", "y"];
  return [
    [across, up, "class"],
    ...x.map(([a, b], i) => [a, b, label ? (classes[label[i]] ?? label[i]) : ""]),
  ];
}

/** @param {wire.HistogramFrame} frame */
function histogramTable({ edges, counts }) {
  const names = Object.keys(counts);
  return [
    ["from", "to", ...names],
    ...edges.slice(1).map((to, i) => [edges[i], to, ...names.map((name) => counts[name][i])]),
  ];
}

/** @param {wire.BarsFrame} frame */
function barsTable({ x, y, x_title, y_title }) {
  return [[x_title || "name", y_title || "value"], ...y.map((v, i) => [x?.[i] ?? i, v])];
}

/** @param {wire.FieldFrame} frame */
function fieldTable({ x, y, z }) {
  return [
    ["x", "y", "value"],
    ...y.flatMap((up, i) => x.map((across, k) => [across, up, z[i][k]])),
  ];
}

/** @param {wire.GapFrame} frame */
function gapTable({ box: [[x0, y0], [x1, y1]], cells, fields, real, fake, arrows }) {
  const names = Object.keys(fields);
  const bytes = names.map((name) => fromBase64(fields[name].z));
  /** @param {number} k @param {number} low @param {number} high */
  const middle = (k, low, high) => +(low + ((k + 0.5) * (high - low)) / cells).toPrecision(6);
  const grid = Array.from({ length: cells * cells }, (_, k) => [
    "cell",
    middle(k % cells, x0, x1),
    middle(Math.floor(k / cells), y0, y1),
    ...names.map((name, i) => {
      const value = byteValue(bytes[i][k], fields[name].low, fields[name].high);
      return value === null ? null : +value.toPrecision(4);
    }),
  ]);
  const none = names.map(() => null);
  return [
    ["kind", "x", "y", ...names, "move x", "move y"],
    ...grid,
    ...real.map(([x, y]) => ["held-out", x, y]),
    ...fake.map(([x, y], i) => ["generated", x, y, ...none, ...(arrows[i] ?? [])]),
  ];
}

/** @param {wire.FlowFieldFrame} frame */
function flowFieldTable({ box: [[x0, y0], [x1, y1]], cells, times, fields, particles }) {
  const names = Object.keys(fields);
  const bytes = names.map((name) => fromBase64(fields[name].speed));
  /** @param {number} k @param {number} low @param {number} high */
  const middle = (k, low, high) => +(low + ((k + 0.5) * (high - low)) / cells).toPrecision(6);
  const size = cells * cells;
  return [
    ["kind", "t", "x", "y", ...names],
    ...times.flatMap((t, k) =>
      Array.from({ length: size }, (_, i) => [
        "cell",
        t,
        middle(i % cells, x0, x1),
        middle(Math.floor(i / cells), y0, y1),
        ...names.map((name, n) => {
          const value = byteValue(bytes[n][k * size + i], 0, fields[name].high[k]);
          return value === null ? null : +value.toPrecision(4);
        }),
      ]),
    ),
    ...times.flatMap((t, k) => particles[k].map(([x, y]) => ["particle", t, x, y])),
  ];
}

/** @param {wire.LedgerFrame} frame */
function ledgerTable({ rows = [] }) {
  return [
    ["divergence", "unit", "kind", "n", "value", "standard error", "perfect sampler", "bound"],
    ...rows.map(({ title, unit, kind, n, value, error, floor, bound }) => {
      return [title, unit, kind, n, value, error, floor, bound?.value];
    }),
  ];
}

/** @param {wire.CalibrationFrame} frame */
function calibrationTable({ bins }) {
  return [
    ["from", "to", "mean D", "share real", "standard error", "mean D*", "n"],
    ...bins.map(({ low, high, d, share, error, truth, n }) => {
      return [low, high, d, share, error, truth, n];
    }),
  ];
}

/** @param {wire.DensityFrame} frame */
function densityTable({ x, lines }) {
  const all = Object.values(lines);
  return [
    ["x", ...all.map(({ title }) => title)],
    ...x.map((at, i) => [at, ...all.map(({ y }) => y[i])]),
  ];
}

/**
 * The table of each form but "images", whose pixels are in a file of its own; `addForm` adds
 * those of plugins.
 * @type {Record<string, ((frame: any) => Table) | undefined>}
 */
export const TABLES = {
  points: pointsTable,
  histogram: histogramTable,
  bars: barsTable,
  field: fieldTable,
  gap: gapTable,
  flow_field: flowFieldTable,
  ledger: ledgerTable,
  calibration: calibrationTable,
  line: densityTable,
};

/**
 * Gives what a picture shows as a table.
 * @param {Frame} frame the picture
 * @returns {Table | undefined} undefined for images and unknown forms
 */
export function frameTable(frame) {
  return TABLES[frame.form]?.(frame);
}

/**
 * Gives the pixels of a sheet as a table: an image each row.
 * @param {ArrayLike<number>} pixels red, green, blue and alpha of the sheet, row by row
 * @param {{ n: number, columns: number, shape?: [number, number, number] }} frame the sheet
 * @returns {Table} grey values, or red, green and blue of each pixel, from 0 to 255
 */
export function sheetTable(pixels, { n, columns, shape = [1, 1, 1] }) {
  const [channels, height, width] = shape;
  const stride = columns * width;
  const names = Array.from({ length: channels * height * width }, (_, k) => `value ${k}`);
  const rows = Array.from({ length: n }, (_, image) => {
    const top = Math.floor(image / columns) * height;
    const left = (image % columns) * width;
    const values = [];
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          values.push(pixels[4 * ((top + y) * stride + left + x) + c]);
        }
      }
    }
    return [image, ...values];
  });
  return [["image", ...names], ...rows];
}
