// What stands on and below a field: arrows, and the legend of its colours.

import { short } from "../shared/format.js";

/** @import { PlotAxes } from "../shared/axes.js" */
/** @import { Rgb } from "../shared/colours.js" */

/**
 * Draws the colours of a field from its lowest to its highest value.
 * @param {PlotAxes} axes of the map
 * @param {{ low: number, high: number }} field whose colours are explained
 * @param {(share: number) => Rgb} colour the colour scale
 * @param {number} side of the map, in pixels
 */
export function drawColourLegend(axes, field, colour, side) {
  const { context } = axes;
  const width = Math.min(side, 150);
  const y = axes.height - 24;
  for (let i = 0; i < width; i++) {
    context.fillStyle = `rgb(${colour(i / (width - 1))})`;
    context.fillRect(axes.left + i, y, 1.5, 8);
  }
  context.strokeStyle = axes.ink;
  context.globalAlpha = 0.3;
  context.strokeRect(axes.left, y, width, 8);
  context.globalAlpha = 0.72;
  context.fillStyle = axes.ink;
  /** @type {CanvasTextAlign[]} */
  const aligns = ["left", "center", "right"];
  aligns.forEach((align, i) => {
    const share = i / 2;
    context.textAlign = align;
    const text = short(field.low + share * (field.high - field.low));
    context.fillText(text, axes.left + share * width, y + 20);
  });
  context.globalAlpha = 1;
}

/**
 * Draws an arrow with a rim in the colour of the page, so that it is readable on every field.
 * @param {CanvasRenderingContext2D} context what is drawn on
 * @param {number[]} from x and y of its start, in pixels
 * @param {number[]} to x and y of its tip, in pixels
 * @param {string} ink colour of the arrow
 * @param {string} back colour of the rim
 */
export function drawArrow(context, [xa, ya], [xb, yb], ink, back) {
  const length = Math.hypot(xb - xa, yb - ya);
  if (!(length > 1)) return;
  const head = Math.min(5, 0.5 * length);
  const direction = Math.atan2(yb - ya, xb - xa);
  context.beginPath();
  context.moveTo(xa, ya);
  context.lineTo(xb, yb);
  for (const turn of [2.6, -2.6]) {
    context.moveTo(xb, yb);
    const angle = direction + turn;
    context.lineTo(xb + head * Math.cos(angle), yb + head * Math.sin(angle));
  }
  context.strokeStyle = back;
  context.lineWidth = 3;
  context.stroke();
  context.strokeStyle = ink;
  context.lineWidth = 1.4;
  context.stroke();
}
