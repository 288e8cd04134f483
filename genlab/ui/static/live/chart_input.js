// How a chart is read, zoomed and picked: by the pointer, and by keys.

import { pointerPosition } from "../shared/dom.js";

/** @import { Chart } from "./chart.js" */

/**
 * Zooms by dragging with the mouse, picks by clicking, reads by hovering.
 * @param {Chart} chart the chart
 */
export function listenToPointer(chart) {
  const { svg, brush } = chart;
  /** @type {number | null} */
  let from = null;
  /** @param {PointerEvent} event */
  const position = (event) => pointerPosition(svg, event)[0];
  svg.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    from = position(event);
    if (event.pointerType === "mouse") svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    const [x, y] = pointerPosition(svg, event);
    chart.read(chart.timeAt(x), y);
    if (from !== null && event.pointerType === "mouse" && Math.abs(x - from) > 4) {
      brush.setAttribute("visibility", "visible");
      brush.setAttribute("x", String(Math.min(from, x)));
      brush.setAttribute("width", String(Math.abs(x - from)));
    }
  });
  svg.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const x = position(event);
    const start = chart.timeAt(Math.min(from, x));
    const stop = chart.timeAt(Math.max(from, x));
    brush.setAttribute("visibility", "hidden");
    const isDrag = Math.abs(x - from) > 8 && event.pointerType === "mouse";
    if (isDrag) chart.on.zoom([start, stop]);
    else chart.pick(start);
    from = null;
  });
  svg.addEventListener("pointercancel", () => {
    from = null;
  });
  svg.addEventListener("pointerleave", () => chart.read(null));
  svg.addEventListener("blur", () => chart.read(null));
  svg.addEventListener("dblclick", () => chart.on.zoom(null));
}

/**
 * Reads, picks and zooms by keys; up and down go through the runs of bands.
 * @param {Chart} chart the chart
 */
export function listenToKeys(chart) {
  chart.svg.addEventListener("keydown", (event) => {
    const [low, high] = chart.range();
    const at = chart.cursor ?? high;
    const by = (high - low) / 40;
    if (event.key === "ArrowLeft") chart.read(Math.max(low, at - by), chart.cursorY);
    else if (event.key === "ArrowRight") chart.read(Math.min(high, at + by), chart.cursorY);
    else if (event.key === "ArrowUp" && chart.hasRuns()) chart.readNext(at, -1);
    else if (event.key === "ArrowDown" && chart.hasRuns()) chart.readNext(at, 1);
    else if (event.key === "Enter") chart.pick(at);
    else if (event.key === "+" || event.key === "=") {
      chart.on.zoom([at - (at - low) / 2, at + (high - at) / 2]);
    } else if (event.key === "-" || event.key === "Escape") chart.on.zoom(null);
    else return;
    event.preventDefault();
  });
}
