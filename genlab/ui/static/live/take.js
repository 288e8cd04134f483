// Files of what a card shows: PNG, SVG and CSV.

import { context2d, make } from "../shared/dom.js";
import { escapeXml, svgFile } from "./svg_context.js";
import { csvText } from "./tables.js";

/** @import { Table } from "./tables.js" */

/** @typedef {"png" | "svg" | "csv"} FileKind */
/**
 * @typedef {object} Takeable
 * @property {string} name of the file without its ending
 * @property {() => string | Promise<string>} svg the text of an SVG file
 * @property {() => Table | Promise<Table>} table what is shown, as a table
 */

/** Pixels of a PNG for each pixel on the page. */
const SHARPNESS = 2;
/** Height of a line in a table that is drawn, and width of a letter, in pixels. */
const LINE = 20;
const LETTER = 7.4;

/**
 * Makes a name that every file system takes.
 * @param {string} text any text
 */
export function fileName(text) {
  return text.replace(/[^\p{L}\p{N}.-]+/gu, "-").replace(/^-+|-+$/g, "");
}

/**
 * Draws a table as SVG.
 * @param {Table} rows of the table
 * @param {string} ink colour of the text
 * @param {string} back colour of the background
 */
export function tableSvg(rows, ink, back) {
  const texts = rows.map((row) => row.map((value) => String(value ?? "")));
  const widths = texts[0].map((_, column) => {
    return LETTER * Math.max(...texts.map((row) => (row[column] ?? "").length)) + 16;
  });
  const lefts = widths.map((_, column) => 8 + widths.slice(0, column).reduce((a, b) => a + b, 0));
  const content = texts.map((row, i) => {
    return row.map((text, column) => {
      const place = `x="${lefts[column]}" y="${(i + 1) * LINE}"`;
      const looks = `fill="${escapeXml(ink)}" style="font:13px sans-serif"`;
      return `<text ${place} ${looks}>${escapeXml(text)}</text>`;
    });
  });
  const width = 8 + widths.reduce((a, b) => a + b, 0);
  return svgFile(width, (rows.length + 1) * LINE, back, content.flat().join(""));
}

/**
 * Draws an SVG file as a PNG file.
 * @param {string} svg text of the file
 * @returns {Promise<Blob>} the PNG file
 */
async function rasterise(svg) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = make("canvas", {
    width: Math.ceil(SHARPNESS * image.width),
    height: Math.ceil(SHARPNESS * image.height),
  });
  const context = context2d(canvas);
  context.scale(SHARPNESS, SHARPNESS);
  context.drawImage(image, 0, 0);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no PNG"))), "image/png");
  });
}

/**
 * Lets the browser save a file.
 * @param {Takeable} what is saved
 * @param {FileKind} kind of the file
 */
export async function take(what, kind) {
  const blob =
    kind === "png"
      ? await rasterise(await what.svg())
      : kind === "svg"
        ? new Blob([await what.svg()], { type: "image/svg+xml" })
        : new Blob([csvText(await what.table())], { type: "text/csv" });
  const href = URL.createObjectURL(blob);
  make("a", { href, download: `${fileName(what.name)}.${kind}` }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
