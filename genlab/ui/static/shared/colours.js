// Colour scales for fields, and fields as images.

import { clamp } from "./numbers.js";
import { context2d, make } from "./dom.js";

/** @typedef {[number, number, number]} Rgb red, green and blue, each from 0 to 255 */

/**
 * Colour stops that are readable with every kind of colour vision. The first list of each pair is
 * for a light page, the second for a dark one.
 * @type {Record<"diverging" | "sequential", [Rgb[], Rgb[]]>}
 */
const STOPS = {
  diverging: [
    [
      [0, 114, 178],
      [255, 255, 255],
      [213, 94, 0],
    ],
    [
      [86, 180, 233],
      [26, 32, 39],
      [255, 140, 66],
    ],
  ],
  sequential: [
    [
      [255, 255, 255],
      [158, 108, 178],
      [58, 14, 82],
    ],
    [
      [26, 32, 39],
      [150, 92, 176],
      [255, 226, 130],
    ],
  ],
};

/**
 * Makes a colour scale.
 * @param {"diverging" | "sequential"} kind two opposite colours about a neutral one, or one
 *   direction from little to much
 * @param {boolean} dark whether the page is dark
 * @returns {(share: number) => Rgb} from a number between 0 and 1 to its colour
 */
export function colourScale(kind, dark) {
  const stops = STOPS[kind][dark ? 1 : 0];
  return (share) => {
    const at = clamp(share, 0, 1) * (stops.length - 1);
    const i = Math.min(stops.length - 2, Math.floor(at));
    const [from, to] = [stops[i], stops[i + 1]];
    /** @param {0 | 1 | 2} k */
    const mix = (k) => from[k] + (to[k] - from[k]) * (at - i);
    return [mix(0), mix(1), mix(2)];
  };
}

/**
 * Writes a field as the bytes of an image of one pixel for each cell.
 * @param {(number | null)[]} shares values from 0 to 1, row by row from the lowest y; null is
 *   unknown and stays transparent
 * @param {number} columns cells in a row
 * @param {(share: number) => Rgb} colour the colour scale
 * @returns {Uint8ClampedArray<ArrayBuffer>} red, green, blue and alpha, row by row from the top
 */
export function fieldBytes(shares, columns, colour) {
  const rows = shares.length / columns;
  const bytes = new Uint8ClampedArray(4 * shares.length);
  shares.forEach((share, k) => {
    if (share === null) return;
    const row = rows - 1 - Math.floor(k / columns);
    bytes.set([...colour(share), 255], 4 * (row * columns + (k % columns)));
  });
  return bytes;
}

/**
 * Draws a field on a canvas of one pixel for each cell.
 * @param {(number | null)[]} shares as for `fieldBytes`
 * @param {number} columns cells in a row
 * @param {(share: number) => Rgb} colour the colour scale
 * @returns {HTMLCanvasElement} the canvas
 */
export function fieldCanvas(shares, columns, colour) {
  const rows = shares.length / columns;
  const canvas = make("canvas", { width: columns, height: rows });
  const image = new ImageData(fieldBytes(shares, columns, colour), columns, rows);
  context2d(canvas).putImageData(image, 0, 0);
  return canvas;
}

/**
 * Reads any CSS colour by painting it.
 * @param {string} colour a CSS colour
 * @returns {Rgb} its parts
 */
export function readColour(colour) {
  const probe = context2d(make("canvas", { width: 1, height: 1 }));
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  return [r, g, b];
}

/**
 * Tells whether a colour is dark.
 * @param {Rgb} colour the colour
 */
export function isDark([r, g, b]) {
  return 0.3 * r + 0.59 * g + 0.11 * b < 128;
}
