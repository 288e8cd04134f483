// The sizes of a chart: its margins, and its height, which depends on where its card stands.

import { zoomOf } from "../shared/dom.js";

/** @import { Card } from "./card.js" */

/** Margins, in pixels; the right one is wider where labels stand in it. */
export const LEFT = 58;
export const RIGHT = 10;
export const BOTTOM = 42;
/** Upper margin without and with labels of events, in pixels. */
export const TOP = 12;
export const TOP_WITH_LABELS = 26;
/** Heights: in a group, beside the large card, as the large card, in pixels. */
export const HEIGHT = 240;
const BESIDE = 190;
const MAIN = 420;
/** Height that an enlarged chart has for what is around it, in pixels. */
const AROUND = 260;
/** The same in a presentation, and the height that a chart has there at least. */
const AROUND_SHOWN = 205;
const LEAST = 150;

/**
 * Chooses the height of a plot: where its card stands says how large it may be.
 * @param {Card} card that holds the plot
 */
export function plotHeight({ root, enlarged }) {
  const isFirst = root.parentElement?.classList.contains("gl-first");
  const place = root.classList.contains("gl-main") ? MAIN : isFirst ? BESIDE : HEIGHT;
  const seen = innerHeight / zoomOf(root);
  if (enlarged) return Math.max(HEIGHT, seen - AROUND);
  return root.classList.contains("gl-shown") ? Math.max(LEAST, seen - AROUND_SHOWN) : place;
}
