// A map as a file: PNG as it is seen, SVG with a mark for each point.

import { make } from "../shared/dom.js";

/** A map of more points has no SVG file: each point is an element of it. */
export const MOST_IN_SVG = 20_000;
/** Radius of a point in an SVG file. */
const RADIUS = 3;

/** @param {string} text any text */
function escape(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");
}

/**
 * Writes a map as SVG: a disc for each point in the colour of its kind, an outline where the model
 * generated it, and the words about the map as its title.
 * @param {Float32Array} px x and y of each point in CSS pixels
 * @param {(row: number) => { colour: string, hollow: boolean }} markOf look of a point
 * @param {{ width: number, height: number }} size of the map
 * @param {{ words: string, ink: string, back: string, names: [string, string][] }} looks words,
 *   colours of text and background, and the entries of the legend with their colours
 * @returns {string} the text of the file
 */
export function mapSvg(px, markOf, { width, height }, { words, ink, back, names }) {
  const points = [];
  for (let i = 0; 2 * i < px.length; i++) {
    const [x, y] = [px[2 * i], px[2 * i + 1]];
    if (!(x >= 0 && y >= 0 && x <= width && y <= height)) continue;
    const { colour, hollow } = markOf(i);
    const fill = hollow ? `fill="none" stroke="${escape(colour)}"` : `fill="${escape(colour)}"`;
    points.push(`<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${RADIUS}" ${fill}/>`);
  }
  const legend = names.map(([name, colour], k) => {
    const x = 12 + 90 * k;
    const mark = `<circle cx="${x}" cy="${height + 16}" r="5" fill="${escape(colour)}"/>`;
    const at = `x="${x + 10}" y="${height + 21}"`;
    return `${mark}<text ${at} fill="${escape(ink)}">${escape(name)}</text>`;
  });
  const tall = height + 28;
  const root = `xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${tall}"`;
  return (
    `<svg ${root} width="${width}" height="${tall}" role="img" ` +
    `style="font:13px sans-serif"><title>${escape(words)}</title>` +
    `<rect width="100%" height="100%" fill="${escape(back)}"/>` +
    `${points.join("")}${legend.join("")}</svg>\n`
  );
}

/**
 * Saves content as a file.
 * @param {Blob} content the file
 * @param {string} name its name
 */
export function saveFile(content, name) {
  const url = URL.createObjectURL(content);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * Draws a canvas over a background as a PNG file.
 * @param {HTMLCanvasElement} canvas what is saved
 * @param {string} back colour of the background
 * @returns {Promise<Blob | null>} the file
 */
export function canvasPng(canvas, back) {
  const copy = make("canvas", { width: canvas.width, height: canvas.height });
  const context = copy.getContext("2d");
  if (!context) return Promise.resolve(null);
  context.fillStyle = back;
  context.fillRect(0, 0, copy.width, copy.height);
  context.drawImage(canvas, 0, 0);
  return new Promise((done) => copy.toBlob(done, "image/png"));
}
