// A line of text below a canvas: the values under the pointer, or a summary without a pointer.

import { make, pointerPosition } from "../shared/dom.js";

/**
 * Adds the line of text.
 * @param {HTMLCanvasElement} canvas above it
 * @param {(x: number, y: number) => string | null} textAt the values at a position in CSS pixels,
 *   null where there are none
 * @param {() => string} summary the text without a pointer
 * @returns {() => void} writes the summary; called when the picture has changed
 */
export function addReadout(canvas, textAt, summary) {
  const line = make("p", { class: "gl-note gl-readout" });
  canvas.after(line);
  const reset = () => {
    line.textContent = summary();
  };
  canvas.addEventListener("pointermove", (event) => {
    line.textContent = textAt(...pointerPosition(canvas, event)) ?? summary();
  });
  canvas.addEventListener("pointerleave", reset);
  return reset;
}
