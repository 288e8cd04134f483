// Pictures on a map: as many as fit without lying over each other.

/** @import { MapData } from "./wire" */

/** Side of a picture on the map in CSS pixels, at least and at most. */
const LEAST = 26;
const MOST = 44;
/** Opacity of pictures beside a selection. */
const BESIDE = 0.15;

/**
 * Chooses how large a picture is drawn: as it is, or enlarged by a whole number.
 * @param {number} width of a picture on the sheet in pixels
 * @returns {number} side in CSS pixels
 */
export function thumbnailSide(width) {
  const scale = Math.max(1, Math.floor(MOST / width));
  return Math.min(MOST, Math.max(LEAST, width * scale));
}

/**
 * Chooses which points have a picture: in the order of the rows, each that lies over no earlier
 * one. Points outside of the screen have none.
 * @param {Float32Array} px x and y of each point in CSS pixels
 * @param {number} side of a picture in CSS pixels
 * @param {number} width of the screen
 * @param {number} height of the screen
 * @returns {number[]} their rows in ascending order
 */
export function chooseThumbnails(px, side, width, height) {
  const columns = Math.max(1, Math.ceil(width / side));
  const rows = Math.max(1, Math.ceil(height / side));
  // A cell as large as a picture holds the centre of one of them at most.
  const held = new Int32Array(columns * rows).fill(-1);
  const chosen = [];
  for (let i = 0; 2 * i < px.length; i++) {
    const [x, y] = [px[2 * i], px[2 * i + 1]];
    const [column, row] = [Math.floor(x / side), Math.floor(y / side)];
    if (!(column >= 0 && row >= 0 && column < columns && row < rows)) continue;
    let isFree = true;
    for (let r = Math.max(0, row - 1); isFree && r <= Math.min(rows - 1, row + 1); r++) {
      for (let c = Math.max(0, column - 1); c <= Math.min(columns - 1, column + 1); c++) {
        const k = held[r * columns + c];
        if (k < 0) continue;
        if (Math.abs(px[2 * k] - x) < side && Math.abs(px[2 * k + 1] - y) < side) isFree = false;
      }
    }
    if (!isFree) continue;
    held[row * columns + column] = i;
    chosen.push(i);
  }
  return chosen;
}

/**
 * Draws the pictures of some points, each in a frame of the colour of its kind.
 * @param {CanvasRenderingContext2D} context what is drawn on, in CSS pixels
 * @param {number[]} rows of the points
 * @param {Float32Array} px x and y of each point
 * @param {HTMLImageElement} sheet with all pictures
 * @param {NonNullable<MapData["sprites"]>} sprites layout of the sheet
 * @param {(row: number) => { colour: string, hollow: boolean }} markOf look of a point
 * @param {Set<number>} selected rows that stand out; all others become faint, unless it is empty
 */
export function drawThumbnails(context, rows, px, sheet, sprites, markOf, selected) {
  const { columns, width, height } = sprites;
  const side = thumbnailSide(width);
  const tall = (side * height) / width;
  context.save();
  context.imageSmoothingEnabled = false;
  context.lineWidth = 2;
  for (const row of rows) {
    const [left, top] = [px[2 * row] - side / 2, px[2 * row + 1] - tall / 2];
    const [x, y] = [(row % columns) * width, Math.floor(row / columns) * height];
    const { colour, hollow } = markOf(row);
    context.globalAlpha = selected.size && !selected.has(row) ? BESIDE : 1;
    context.drawImage(sheet, x, y, width, height, left, top, side, tall);
    context.strokeStyle = colour;
    context.setLineDash(hollow ? [4, 2] : []);
    context.strokeRect(left, top, side, tall);
  }
  context.restore();
}
