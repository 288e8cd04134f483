// Moves of a code within the plane of two directions. Nothing here touches the page.

import { clamp, dot } from "../shared/numbers.js";

/** @import { Range } from "../shared/axes.js" */

/**
 * Limits a position to the pad.
 * @param {[number, number]} position along the two directions
 * @param {[Range, Range]} ranges of the pad
 * @returns {[number, number]} the nearest position on the pad
 */
export function clampToPad([s, t], [[s0, s1], [t0, t1]]) {
  return [clamp(s, s0, s1), clamp(t, t0, t1)];
}

/**
 * Moves a code within the plane of two directions, until its scalar products with them are as
 * wanted. What is orthogonal to the plane stays.
 * @param {Float64Array} z the code; changed in place
 * @param {ArrayLike<number>} u unit vector
 * @param {ArrayLike<number>} v unit vector, not parallel to u; zeros where there is one direction
 * @param {[number, number]} position wanted scalar products with u and v
 */
export function moveInPlane(z, u, v, [s, t]) {
  const g = dot(u, v);
  const ds = s - dot(z, u);
  const dt = t - dot(z, v);
  const p = (ds - g * dt) / (1 - g * g);
  const q = (dt - g * ds) / (1 - g * g);
  for (let i = 0; i < z.length; i++) z[i] += p * u[i] + q * v[i];
}
