// A sheet of images: one PNG file, with lines between the images drawn over it.

import { make } from "../shared/dom.js";

/** @import { Cell } from "./cell.js" */
/** @import { ImagesFrame } from "./wire" */

/**
 * Lays out a sheet.
 * @param {{ n: number, columns: number, shape?: number[] }} frame number of images, columns, and
 *   channels, height and width of one image
 * @returns {{ rows: number, width: number, height: number, blank: number }} rows, size of the sheet
 *   in pixels, and places of the last row without an image
 */
export function sheetLayout({ n, columns, shape }) {
  const [, height, width] = shape ?? [1, 1, 1];
  const rows = Math.ceil(n / columns);
  return { rows, width: columns * width, height: rows * height, blank: rows * columns - n };
}

/**
 * Makes the sheet of a cell.
 * @param {Cell} cell where it is shown
 * @returns {(frame: ImagesFrame, step: number) => Promise<void>} shows the sheet of a step
 */
export function createSheet(cell) {
  /** @type {HTMLImageElement | null} */
  let image = null;
  return async (frame, step) => {
    const next = new Image();
    next.src = cell.sheetAddress(step);
    await next.decode();
    image ??= makeSheet(cell.figure, frame);
    image.alt = `${frame.title ?? cell.panel}, ${frame.n} images, step ${step}`;
    image.src = next.src;
  };
}

/**
 * @param {HTMLElement} figure where the sheet is appended
 * @param {ImagesFrame} frame its first picture
 */
function makeSheet(figure, frame) {
  const { columns } = frame;
  const { rows, width, height, blank } = sheetLayout(frame);
  const sheet = make("div", { class: "gl-sheet" }, figure);
  const image = make("img", { width, height }, sheet);
  make("div", {}, sheet).style.backgroundSize = `${100 / columns}% ${100 / rows}%`;
  if (blank) {
    // Places without an image look like the card, not like black images.
    const cover = make("div", { class: "gl-blank" }, sheet);
    cover.style.left = `${100 - (100 * blank) / columns}%`;
    cover.style.top = `${100 - 100 / rows}%`;
  }
  return image;
}
