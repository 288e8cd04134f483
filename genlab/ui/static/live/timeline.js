// Which point in time is shown: steps or seconds, and the picture that belongs to it.

import { grouped } from "../shared/format.js";
import { floorIndex, interpolate, nearestIndex } from "../shared/numbers.js";

/** @import { RunTimes } from "./wire" */

/** @typedef {"step" | "seconds"} Clock what the axes and the slider count */

/** A thousandth of a step: seconds there and back again may fall short of a step by rounding. */
const ROUNDING = 1e-3;

/**
 * Tells where a step is on the axis.
 * @param {Clock} clock what the axis counts
 * @param {RunTimes | null} times of the run; without them seconds are 0
 * @param {number} step the step
 * @returns {number} the step itself, or seconds of training until it
 */
export function stepToAxis(clock, times, step) {
  if (clock === "step") return step;
  return interpolate(times?.step ?? [], times?.seconds ?? [], step);
}

/**
 * Tells which step belongs to a point of the axis.
 * @param {Clock} clock what the axis counts
 * @param {RunTimes | null} times of the run
 * @param {number} at a step, or seconds of training
 * @returns {number} the step, not rounded
 */
export function axisToStep(clock, times, at) {
  if (clock === "step") return at;
  return interpolate(times?.seconds ?? [], times?.step ?? [], at);
}

/**
 * Chooses the picture that the slider shows.
 *
 * One run shows its last picture at or before the point in time. Several runs are compared at the
 * pictures nearest to it.
 * @param {number[]} steps that have a picture, in ascending order
 * @param {number | null} at the step that the slider shows, null for the newest
 * @param {boolean} nearest whether several runs are compared
 * @returns {number | undefined} the step of the picture; undefined if there is none
 */
export function frameStep(steps, at, nearest) {
  if (at === null) return steps[steps.length - 1];
  const wanted = at + ROUNDING;
  const index = nearest ? nearestIndex(steps, wanted) : Math.max(0, floorIndex(steps, wanted));
  return steps[index];
}

/**
 * Says which step a picture is of.
 * @param {number} shown its step
 * @param {number | null} asked the step that the slider shows, null for the newest
 * @param {boolean} nearest whether several runs are compared
 * @returns {string} for example "step 2,840, the newest before 3,500"
 */
export function frameWords(shown, asked, nearest) {
  const words = `step ${grouped(shown)}`;
  if (asked === null || Math.abs(asked - shown) < 1) return words;
  const wanted = grouped(Math.round(asked));
  if (nearest) return `${words}, the nearest to ${wanted}`;
  return shown < asked ? `${words}, the newest before ${wanted}` : `${words}, the first one`;
}

/**
 * Finds the picture before or after the one shown.
 * @param {number[]} sorted points in time that have a picture, in ascending order
 * @param {number | null} shown point in time of the slider, null for the newest
 * @param {1 | -1} by 1 for the next one, -1 for the one before
 * @returns {number | null} its point in time; null beyond the newest, where the view is live
 */
export function neighbourFrame(sorted, shown, by) {
  const here = shown ?? sorted[sorted.length - 1];
  const at = floorIndex(sorted, here);
  const isBetween = at >= 0 && sorted[at] < here;
  const next = by > 0 ? at + 1 : isBetween ? at : at - 1;
  return next >= sorted.length ? null : sorted[Math.max(0, next)];
}
