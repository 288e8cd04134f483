// Many points as squares written straight into the pixels of an image: far faster than drawing one
// stamp for each. Nothing here touches the page.

/** @import { Rgb } from "../shared/colours.js" */

/** Whether the lowest byte of a word comes first, as on nearly every processor. */
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/**
 * Chooses the side of a square.
 * @param {number} n number of points
 * @param {number} ratio pixels of the canvas in a CSS pixel
 * @returns {number} side in pixels of the canvas, at least 1
 */
export function squareSide(n, ratio) {
  const side = n <= 30_000 ? 4 : n <= 300_000 ? 2 : 1;
  return Math.max(1, Math.round(side * ratio));
}

/**
 * Writes a colour as a word of an image.
 * @param {Rgb} colour red, green and blue
 * @param {number} [alpha] from 0 to 255
 * @returns {number} an unsigned 32-bit number
 */
export function colourWord([r, g, b], alpha = 255) {
  const parts = LITTLE_ENDIAN ? [alpha, b, g, r] : [r, g, b, alpha];
  return parts.reduce((word, part) => ((word << 8) | Math.round(part)) >>> 0, 0);
}

/**
 * @typedef {object} Squares points as coloured squares
 * @property {Float32Array} px x and y of each point in CSS pixels
 * @property {Uint8Array | Uint16Array} kinds index of each point's colour
 * @property {Uint32Array} words colour of each kind, as `colourWord` gives it
 * @property {number} side of a square in pixels of the image
 * @property {number} ratio pixels of the image in a CSS pixel
 * @property {(kind: number) => boolean} [isHollow] whether the squares of a kind are outlines
 */

/**
 * Writes squares into an image. Later points cover earlier ones; squares that do not lie within
 * the image are left out.
 * @param {Uint32Array} image its pixels, row by row
 * @param {number} width of the image
 * @param {number} height of the image
 * @param {Squares} squares what is drawn
 * @param {(i: number) => boolean} [isDrawn] which points are drawn; without it all
 * @returns {number} how many were drawn
 */
export function writeSquares(image, width, height, squares, isDrawn) {
  const { px, kinds, words, side, ratio, isHollow } = squares;
  if (side === 1 && !isDrawn) return writeDots(image, width, height, squares);
  const half = side / 2;
  // An outline needs a hole of at least two pixels to be seen as one.
  const hollow = Array.from(words, (_, kind) => side >= 4 && (isHollow?.(kind) ?? false));
  const n = kinds.length;
  let count = 0;
  for (let i = 0; i < n; i++) {
    const left = Math.round(px[2 * i] * ratio - half);
    const top = Math.round(px[2 * i + 1] * ratio - half);
    // Written so that a position which is not a number is left out as well.
    const isInside = left >= 0 && top >= 0 && left + side <= width && top + side <= height;
    if (!isInside) continue;
    if (isDrawn && !isDrawn(i)) continue;
    const kind = kinds[i];
    const word = words[kind];
    count++;
    let at = top * width + left;
    if (side === 1) image[at] = word;
    else if (hollow[kind]) writeOutline(image, width, at, side, word);
    else {
      for (let r = 0; r < side; r++, at += width) {
        for (let k = at; k < at + side; k++) image[k] = word;
      }
    }
  }
  return count;
}

/**
 * Writes points of a single pixel, for a million of which every operation counts.
 * @param {Uint32Array} image its pixels, row by row
 * @param {number} width of the image
 * @param {number} height of the image
 * @param {Squares} squares what is drawn, with a side of 1
 * @returns {number} how many were drawn
 */
function writeDots(image, width, height, { px, kinds, words, ratio }) {
  const n = kinds.length;
  let count = 0;
  for (let i = 0; i < n; i++) {
    const x = px[2 * i] * ratio;
    const y = px[2 * i + 1] * ratio;
    // Written so that a position which is not a number is left out as well.
    if (!(x >= 0 && y >= 0 && x < width && y < height)) continue;
    image[(y | 0) * width + (x | 0)] = words[kinds[i]];
    count++;
  }
  return count;
}

/**
 * @param {Uint32Array} image its pixels
 * @param {number} width of the image
 * @param {number} at index of the upper left pixel
 * @param {number} side of the square
 * @param {number} word its colour
 */
function writeOutline(image, width, at, side, word) {
  const bottom = at + (side - 1) * width;
  for (let k = 0; k < side; k++) {
    image[at + k] = image[bottom + k] = word;
    image[at + k * width] = image[at + k * width + side - 1] = word;
  }
}
