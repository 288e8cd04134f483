// Marks of points: ten shapes, told apart without colours, and small canvases to copy them from.

import { context2d, make } from "../shared/dom.js";
import { roleColour, roleOf, ROLES } from "../shared/roles.js";

/** Radius of a mark and side of its stamp, in CSS pixels. */
const RADIUS = 3.4;
export const STAMP = 12;
/** Shape of generated points, which are outlines. */
const GENERATED = 7;

/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {{ colour: string, shape: number, hollow: boolean }} Mark how a point looks */

/**
 * The shapes of the classes, each with the radius of a disc of about the same weight.
 * @type {((context: Context, r: number) => void)[]}
 */
const SHAPES = [
  (c, r) => c.arc(0, 0, r, 0, 2 * Math.PI),
  (c, r) => c.rect(-r * 0.9, -r * 0.9, r * 1.8, r * 1.8),
  (c, r) => addPolygon(c, r * 1.25, 4, 0),
  (c, r) => addPolygon(c, r * 1.3, 3, -Math.PI / 2),
  (c, r) => {
    c.rect(-r * 1.2, -r * 0.4, r * 2.4, r * 0.8);
    c.rect(-r * 0.4, -r * 1.2, r * 0.8, r * 2.4);
  },
  (c, r) => addPolygon(c, r * 1.3, 3, Math.PI / 2),
  (c, r) => addPolygon(c, r * 1.15, 5, -Math.PI / 2),
  (c, r) => addStar(c, r * 1.35, 5),
  (c, r) => addPolygon(c, r * 1.15, 6, 0),
  (c, r) => addStar(c, r * 1.4, 4),
];

/**
 * Adds a regular polygon to the path.
 * @param {Context} context with the path
 * @param {number} r radius
 * @param {number} n number of corners
 * @param {number} turn angle of the first corner in radians
 */
export function addPolygon(context, r, n, turn) {
  for (let k = 0; k < n; k++) {
    const angle = turn + (2 * Math.PI * k) / n;
    context.lineTo(r * Math.cos(angle), r * Math.sin(angle));
  }
  context.closePath();
}

/**
 * @param {Context} context with the path
 * @param {number} r radius
 * @param {number} n number of points
 */
function addStar(context, r, n) {
  for (let k = 0; k < 2 * n; k++) {
    const size = k % 2 ? r * 0.45 : r;
    const angle = -Math.PI / 2 + (Math.PI * k) / n;
    context.lineTo(size * Math.cos(angle), size * Math.sin(angle));
  }
  context.closePath();
}

/**
 * Draws a mark about the origin.
 * @param {Context} context what is drawn on
 * @param {Mark} mark how it looks
 */
export function drawMark(context, { colour, shape, hollow }) {
  context.beginPath();
  SHAPES[shape % SHAPES.length](context, RADIUS);
  context.fillStyle = context.strokeStyle = colour;
  context.lineWidth = 1.2;
  if (hollow) context.stroke();
  else context.fill();
}

/**
 * Draws a mark as the squares of many points look.
 * @param {Context} context what is drawn on
 * @param {Mark} mark how it looks
 */
export function drawSquareMark(context, { colour, hollow }) {
  context.fillStyle = context.strokeStyle = colour;
  context.lineWidth = 1;
  if (hollow) context.strokeRect(-2.5, -2.5, 5, 5);
  else context.fillRect(-3, -3, 6, 6);
}

/**
 * Makes a small canvas with a mark in its middle.
 * @param {Mark} mark how it looks
 * @param {number} ratio pixels of the canvas in a CSS pixel
 */
export function makeStamp(mark, ratio) {
  const side = Math.ceil(STAMP * ratio);
  const stamp = make("canvas", { width: side, height: side });
  const context = context2d(stamp);
  context.scale(ratio, ratio);
  context.translate(STAMP / 2, STAMP / 2);
  drawMark(context, mark);
  return stamp;
}

/**
 * Gives the look of every kind of point: first the points of the data, then the generated ones.
 * @param {{ palette: string[], names?: string[] | null }} data colours and classes
 * @param {number} levels colours of a continuous scale
 * @param {boolean} dark whether the page is dark
 * @returns {Mark[]} as many for the data as for generated points
 */
export function marksOf({ palette, names }, levels, dark) {
  const count = names ? palette.length : levels;
  /** @param {number} k */
  const colour = (k) => palette[Math.round((k / (levels - 1)) * (palette.length - 1))];
  const kinds = Array.from({ length: count }, (_, k) => {
    const role = names ? roleOf(names[k]) : undefined;
    if (role) return roleColour(role, dark);
    return names ? palette[k] : colour(k);
  });
  return [
    ...kinds.map((own, k) => ({ colour: own, shape: names ? k : 0, hollow: false })),
    ...kinds.map((own) => ({
      colour: names ? roleColour(ROLES.generated, dark) : own,
      shape: GENERATED,
      hollow: true,
    })),
  ];
}

/**
 * Gives the kind of every point, an index into `marksOf`.
 * @param {Uint8Array} levels class of each point, or its value from 0 to 255
 * @param {Uint8Array | null} generated 1 for each generated point
 * @param {number} count kinds of points of the data
 * @param {boolean} isClass whether `levels` are classes
 * @returns {Uint16Array} the kinds
 */
export function kindsOf(levels, generated, count, isClass) {
  return Uint16Array.from(levels, (level, i) => {
    const kind = isClass ? level : Math.round((level / 255) * (count - 1));
    return kind + (generated?.[i] ? count : 0);
  });
}
