// Where a reader of a hand-out is: kept in the address after "#", so that a reload or a copied
// address shows the same.

/** @import { Clock } from "../live/timeline.js" */
/** @import { ViewText } from "../live/wire" */

/** Names of what the address keeps, beside the texts of the view. */
const STEP = "step";
const CLOCK = "clock";

/**
 * Reads the address.
 * @param {string} hash part of the address from "#"
 * @returns {{ step?: number, clock?: Clock, view: ViewText }} what it holds
 */
export function readPlace(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  /** @type {{ step?: number, clock?: Clock, view: ViewText }} */
  const place = { view: {} };
  const step = words.get(STEP);
  if (step !== null && Number.isFinite(Number(step))) place.step = Math.max(0, Number(step));
  if (words.get(CLOCK) === "seconds") place.clock = "seconds";
  words.delete(STEP);
  words.delete(CLOCK);
  place.view = Object.fromEntries(words);
  return place;
}

/**
 * Writes the state as the address keeps it.
 * @param {Record<string, unknown>} state step, clock and view
 * @returns {string} the part of the address from "#"
 */
export function placeText(state) {
  const words = new URLSearchParams();
  if (typeof state.step === "number") words.set(STEP, String(Math.round(10 * state.step) / 10));
  if (state.clock === "seconds") words.set(CLOCK, "seconds");
  for (const [name, value] of Object.entries(state.view ?? {})) {
    if (value) words.set(name, String(value));
  }
  return `#${words}`;
}

/** @param {Record<string, unknown>} state step, clock and view */
export function writePlace(state) {
  try {
    history.replaceState(null, "", placeText(state));
  } catch {
    // Some browsers refuse this for a file; the view itself is not affected.
  }
}
