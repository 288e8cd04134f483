// What a brush does to the weights of a grid. Nothing here touches the page.

import { clamp } from "../shared/numbers.js";

/** @typedef {"paint" | "erase" | "point"} Tool */

/** Share of the radius of a brush within which it paints fully. */
const CORE = 0.5;

/**
 * Gives the strength of a brush at a distance: 1 in its core, 0 from its radius on.
 * @param {number} distance from its centre, in cells
 * @param {number} radius in cells
 */
export function strength(distance, radius) {
  return clamp((radius - distance) / Math.max(1e-6, (1 - CORE) * radius), 0, 1);
}

/**
 * Applies a brush once, in the plane.
 * @param {Float32Array} weights from 0 to 1, cell [x, y] at x * cells + y; changed in place
 * @param {number} cells a side
 * @param {[number, number]} at centre of the brush, in cells from the lower left corner
 * @param {number} radius in cells
 * @param {Tool} tool paint, erase, or add a small Gaussian
 */
export function stamp(weights, cells, [cx, cy], radius, tool) {
  const reach = tool === "point" ? 3 * radius : radius + 1;
  const [left, right] = [Math.max(0, Math.floor(cx - reach)), Math.min(cells - 1, cx + reach)];
  const [bottom, top] = [Math.max(0, Math.floor(cy - reach)), Math.min(cells - 1, cy + reach)];
  for (let x = left; x <= right; x++) {
    for (let y = bottom; y <= top; y++) {
      const distance = Math.hypot(x + 0.5 - cx, y + 0.5 - cy);
      weights[x * cells + y] = brushed(weights[x * cells + y], distance, radius, tool);
    }
  }
}

/**
 * @param {number} weight before
 * @param {number} distance from the centre of the brush, in cells
 * @param {number} radius in cells
 * @param {Tool} tool that is used
 */
function brushed(weight, distance, radius, tool) {
  if (tool === "point") {
    const bump = Math.exp(-0.5 * (distance / radius) ** 2);
    return Math.min(1, weight + (bump < 0.02 ? 0 : bump));
  }
  // The cell under the centre is always reached, however small the brush.
  const part = distance < 0.71 ? 1 : strength(distance, radius);
  return tool === "erase" ? weight * (1 - part) : Math.max(weight, part);
}

/**
 * Sets heights along a stroke on the line.
 * @param {Float32Array} weights from 0 to 1; changed in place
 * @param {[number, number]} from cell and height where the stroke comes from
 * @param {[number, number]} to cell and height where it goes
 * @param {number} radius in cells, of a point
 * @param {Tool} tool that is used
 */
export function stroke(weights, [x0, h0], [x1, h1], radius, tool) {
  if (tool === "point") {
    weights.forEach((weight, i) => {
      const bump = h1 * Math.exp(-0.5 * ((i + 0.5 - x1) / radius) ** 2);
      weights[i] = Math.min(1, weight + (bump < 0.01 ? 0 : bump));
    });
    return;
  }
  const [first, last] = [Math.floor(Math.min(x0, x1)), Math.floor(Math.max(x0, x1))];
  for (let i = Math.max(0, first); i <= Math.min(weights.length - 1, last); i++) {
    const share = x1 === x0 ? 1 : clamp((i + 0.5 - x0) / (x1 - x0), 0, 1);
    weights[i] = tool === "erase" ? 0 : clamp(h0 + share * (h1 - h0), 0, 1);
  }
}

/**
 * Gives weights as bytes; what has a weight keeps one.
 * @param {Float32Array} weights from 0 to 1
 */
export function toBytes(weights) {
  return Uint8Array.from(weights, (w) => (w > 1 / 510 ? Math.max(1, Math.round(255 * w)) : 0));
}
