// The points of a map on a canvas: a stamp for each where they are few, pixels where they are many.

import { readColour } from "../shared/colours.js";
import { drawMark, drawSquareMark, kindsOf, makeStamp, marksOf, STAMP } from "./marks.js";
import { colourWord, squareSide, writeSquares } from "./pixels.js";

/** @import { MapData } from "./wire" */
/** @import { Mark } from "./marks.js" */

/** Up to so many points have stamps with shapes. */
export const MOST_STAMPS = 3000;
/** Colours of a continuous scale. */
const LEVELS = 32;
/** Opacity of stamps, and of points beside a selection. */
const OPACITY = 0.85;
const BESIDE = 0.18;

/** Draws the points of one map. */
export class PointLayer {
  /** @type {HTMLCanvasElement[] | null} */
  stamps = null;
  /** @type {ImageData | null} */
  image = null;

  /**
   * @param {MapData} data colours and classes
   * @param {Uint8Array} levels class or value of each point
   * @param {Uint8Array | null} generated 1 for each generated point
   * @param {boolean} dark whether the page is dark
   * @param {number} [mostStamps] up to so many points have stamps
   */
  constructor(data, levels, generated, dark, mostStamps = MOST_STAMPS) {
    this.marks = marksOf(data, LEVELS, dark);
    this.kinds = kindsOf(levels, generated, this.marks.length / 2, !!data.names);
    this.isPixels = this.kinds.length > mostStamps;
    if (this.isPixels) {
      const colours = this.marks.map(({ colour }) => readColour(colour));
      this.words = Uint32Array.from(colours, (colour) => colourWord(colour));
      this.faint = Uint32Array.from(colours, (colour) => colourWord(colour, 255 * BESIDE));
    }
  }

  /**
   * Gives the look of a point.
   * @param {number} row of the point
   * @returns {Mark} how it looks
   */
  markOf(row) {
    return this.marks[this.kinds[row]];
  }

  /** Forgets what depends on the size of the canvas. */
  resize() {
    this.stamps = null;
    this.image = null;
  }

  /**
   * Draws a mark for the legend about the origin.
   * @param {CanvasRenderingContext2D} context what is drawn on
   * @param {Mark} mark how it looks
   */
  drawLegendMark(context, mark) {
    if (this.isPixels) drawSquareMark(context, mark);
    else drawMark(context, mark);
  }

  /**
   * Draws all points on a cleared canvas.
   * @param {CanvasRenderingContext2D} context what is drawn on, in CSS pixels
   * @param {Float32Array} px x and y of each point in CSS pixels
   * @param {Set<number>} selected rows that stand out; all others become faint, unless it is empty
   * @param {number} ratio pixels of the canvas in a CSS pixel
   */
  draw(context, px, selected, ratio) {
    if (this.isPixels) this.writePixels(context, px, selected, ratio);
    else this.copyStamps(context, px, selected, ratio);
  }

  /**
   * @param {CanvasRenderingContext2D} context what is drawn on
   * @param {Float32Array} px x and y of each point
   * @param {Set<number>} selected rows that stand out
   * @param {number} ratio pixels of the canvas in a CSS pixel
   */
  copyStamps(context, px, selected, ratio) {
    const stamps = (this.stamps ??= this.marks.map((mark) => makeStamp(mark, ratio)));
    const half = STAMP / 2;
    const width = context.canvas.width / ratio;
    const height = context.canvas.height / ratio;
    const hasSelection = selected.size > 0;
    context.globalAlpha = OPACITY;
    for (let i = 0; i < this.kinds.length; i++) {
      const [x, y] = [px[2 * i], px[2 * i + 1]];
      if (x < -half || y < -half || x > width + half || y > height + half) continue;
      if (hasSelection) context.globalAlpha = selected.has(i) ? 1 : BESIDE;
      context.drawImage(stamps[this.kinds[i]], x - half, y - half, STAMP, STAMP);
    }
    context.globalAlpha = 1;
  }

  /**
   * @param {CanvasRenderingContext2D} context what is drawn on
   * @param {Float32Array} px x and y of each point
   * @param {Set<number>} selected rows that stand out, drawn over all others
   * @param {number} ratio pixels of the canvas in a CSS pixel
   */
  writePixels(context, px, selected, ratio) {
    const { width, height } = context.canvas;
    const { words, faint, kinds } = this;
    if (!words || !faint) return;
    const image = (this.image ??= context.createImageData(width, height));
    const pixels = new Uint32Array(image.data.buffer);
    pixels.fill(0);
    const side = squareSide(kinds.length, ratio);
    const count = this.marks.length / 2;
    /** @param {number} kind */
    const isHollow = (kind) => kind >= count;
    const squares = { px, kinds, words, side, ratio, isHollow };
    if (selected.size) {
      writeSquares(pixels, width, height, { ...squares, words: faint });
      writeSquares(pixels, width, height, squares, (i) => selected.has(i));
    } else writeSquares(pixels, width, height, squares);
    context.putImageData(image, 0, 0);
  }
}
