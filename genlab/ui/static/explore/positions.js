// Positions of the points of a map, from the message to the screen. Nothing here touches the page.

import { fromBase64 } from "../shared/bytes.js";

/** @typedef {{ low: number[], high: number[], dims: number }} MapBox ends of the axes of a map */

/**
 * @typedef {object} View which part of a map is shown, and from where
 * @property {number} width of the canvas in CSS pixels
 * @property {number} height of the canvas in CSS pixels
 * @property {number} zoom 1 for the whole map
 * @property {number} x shift to the right in pixels
 * @property {number} y shift downwards in pixels
 * @property {number} yaw turn about the upright axis in radians, for three dimensions
 * @property {number} pitch turn about the axis across in radians, for three dimensions
 */

/** Pixels between the map and the edge of the canvas. */
const MARGIN = 22;

/**
 * Scales positions to one unit for all axes, so that the map keeps its shape. The middle of the map
 * is 0, and its longest axis goes from -1 to 1.
 * @param {ArrayLike<number>} values point by point, `dims` numbers each
 * @param {MapBox} box ends of the axes
 * @returns {Float32Array} scaled positions
 */
export function scalePositions(values, { low, high, dims }) {
  const span = Math.max(...high.map((top, k) => top - low[k])) || 1;
  const middle = low.map((bottom, k) => (bottom + high[k]) / 2);
  return Float32Array.from(values, (v, i) => (2 * (v - middle[i % dims])) / span);
}

/**
 * Decodes positions that were sent as 16-bit numbers within the ends of the axes.
 * @param {string} text base64 of the numbers, little-endian, point by point
 * @param {MapBox} box ends of the axes
 * @returns {Float32Array} scaled positions, as `scalePositions` gives them
 */
export function decodePositions(text, box) {
  return spreadPositions(new Uint16Array(fromBase64(text).buffer), box);
}

/**
 * Converts positions from 16-bit numbers within the ends of the axes.
 * @param {Uint16Array} whole the numbers, point by point
 * @param {MapBox} box ends of the axes
 * @returns {Float32Array} scaled positions, as `scalePositions` gives them
 */
export function spreadPositions(whole, box) {
  const { low, high, dims } = box;
  const values = Float64Array.from(whole, (v, i) => {
    const k = i % dims;
    return low[k] + (v / 65535) * (high[k] - low[k]);
  });
  return scalePositions(values, box);
}

/**
 * Interpolates between two snapshots of a map.
 * @param {Float32Array[]} frames positions of each snapshot
 * @param {number} at index of the snapshot; a fraction lies between two of them
 * @returns {Float32Array} positions
 */
export function positionsAt(frames, at) {
  const k = Math.min(Math.floor(at), frames.length - 1);
  const share = at - k;
  const from = frames[k];
  if (!(share > 0) || k + 1 >= frames.length) return from;
  const to = frames[k + 1];
  return from.map((v, i) => v + share * (to[i] - v));
}

/**
 * Gives the length of a unit of the scaled positions on the screen.
 * @param {Pick<View, "width" | "height" | "zoom">} view the view
 * @returns {number} pixels
 */
export function pixelsPerUnit({ width, height, zoom }) {
  return (Math.min(width, height) / 2 - MARGIN) * zoom;
}

/**
 * Projects scaled positions to the screen.
 * @param {ArrayLike<number>} positions point by point, `dims` numbers each
 * @param {number} dims 2 or 3
 * @param {View} view the view
 * @param {Float32Array} [out] takes the result
 * @returns {Float32Array} x and y of each point in CSS pixels from the upper left corner
 */
export function project(positions, dims, view, out) {
  const n = positions.length / dims;
  const px = out?.length === 2 * n ? out : new Float32Array(2 * n);
  const unit = pixelsPerUnit(view);
  const left = view.width / 2 + view.x;
  const top = view.height / 2 + view.y;
  if (dims === 2) {
    for (let i = 0; i < 2 * n; i += 2) {
      px[i] = left + unit * positions[i];
      px[i + 1] = top - unit * positions[i + 1];
    }
    return px;
  }
  const [cy, sy] = [Math.cos(view.yaw), Math.sin(view.yaw)];
  const [cp, sp] = [Math.cos(view.pitch), Math.sin(view.pitch)];
  for (let i = 0; i < n; i++) {
    const [x, y, z] = [positions[3 * i], positions[3 * i + 1], positions[3 * i + 2]];
    px[2 * i] = left + unit * (cy * x + sy * z);
    px[2 * i + 1] = top - unit * (cp * y - sp * (cy * z - sy * x));
  }
  return px;
}

/**
 * Gives the position in the map's own units that a pixel shows, for two dimensions.
 * @param {number} px pixels from the left
 * @param {number} py pixels from the top
 * @param {View} view the view
 * @param {MapBox} box ends of the axes
 * @returns {[number, number]} the position
 */
export function unproject(px, py, view, { low, high }) {
  const unit = pixelsPerUnit(view);
  const half = Math.max(high[0] - low[0], high[1] - low[1]) / 2 || 0.5;
  const u = (px - view.width / 2 - view.x) / unit;
  const v = -(py - view.height / 2 - view.y) / unit;
  return [(low[0] + high[0]) / 2 + u * half, (low[1] + high[1]) / 2 + v * half];
}

/**
 * Zooms a view about a pixel, which keeps its place.
 * @param {View} view the view; changed in place
 * @param {number} px pixels from the left
 * @param {number} py pixels from the top
 * @param {number} factor above 1 enlarges
 */
export function zoomAt(view, px, py, factor) {
  const zoom = Math.min(200, Math.max(0.3, view.zoom * factor));
  const k = zoom / view.zoom;
  const [dx, dy] = [px - view.width / 2, py - view.height / 2];
  view.x = dx - (dx - view.x) * k;
  view.y = dy - (dy - view.y) * k;
  view.zoom = zoom;
}
