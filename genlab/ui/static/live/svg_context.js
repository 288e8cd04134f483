// A drawing context that writes SVG: what a canvas shows can be taken along as vectors. It has the
// methods that the plots use. Nothing here touches the page.

/** @typedef {{ alpha: number, fill: string, stroke: string, width: number, dash: number[] }} Pen */

/**
 * Escapes text for XML.
 * @param {string} text any text
 */
export function escapeXml(text) {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** @param {number} value in pixels */
const fixed = (value) => String(+value.toFixed(2));

/** @type {Record<string, string>} */
const ANCHORS = { center: "middle", right: "end", end: "end" };

/** A drawing context that writes SVG. */
export class SvgContext {
  globalAlpha = 1;
  fillStyle = "#000";
  strokeStyle = "#000";
  lineWidth = 1;
  lineJoin = "miter";
  font = "13px sans-serif";
  textAlign = "start";
  imageSmoothingEnabled = true;
  /** @type {number[]} */
  dash = [];
  path = "";
  /** @type {string[]} */
  parts = [];
  /** @type {{ pen: Pen, clips: number }[]} */
  saved = [];
  /** Open groups that clip. */
  clips = 0;
  /** Clip paths so far. */
  count = 0;

  save() {
    const { globalAlpha: alpha, fillStyle: fill, strokeStyle: stroke, lineWidth: width } = this;
    this.saved.push({ pen: { alpha, fill, stroke, width, dash: this.dash }, clips: this.clips });
  }

  restore() {
    const last = this.saved.pop();
    if (!last) return;
    for (; this.clips > last.clips; this.clips--) this.parts.push("</g>");
    const { alpha, fill, stroke, width, dash } = last.pen;
    Object.assign(this, { globalAlpha: alpha, fillStyle: fill, strokeStyle: stroke, dash });
    this.lineWidth = width;
  }

  scale() {}

  beginPath() {
    this.path = "";
  }

  closePath() {
    this.path += "Z";
  }

  /** @param {number} x @param {number} y */
  moveTo(x, y) {
    this.path += `M${fixed(x)} ${fixed(y)}`;
  }

  /** @param {number} x @param {number} y */
  lineTo(x, y) {
    this.path += `${this.path ? "L" : "M"}${fixed(x)} ${fixed(y)}`;
  }

  /** @param {number} x @param {number} y @param {number} width @param {number} height */
  rect(x, y, width, height) {
    const [w, h] = [fixed(width), fixed(height)];
    this.path += `M${fixed(x)} ${fixed(y)}h${w}v${h}h-${w}Z`;
  }

  /**
   * A whole circle; the plots draw no other arcs.
   * @param {number} x @param {number} y @param {number} radius
   */
  arc(x, y, radius) {
    const [r, d] = [fixed(radius), fixed(2 * radius)];
    this.path += `M${fixed(x - radius)} ${fixed(y)}a${r} ${r} 0 1 0 ${d} 0a${r} ${r} 0 1 0 -${d} 0`;
  }

  clip() {
    const id = `clip-${++this.count}`;
    this.parts.push(`<clipPath id="${id}"><path d="${this.path}"/></clipPath>`);
    this.parts.push(`<g clip-path="url(#${id})">`);
    this.clips++;
  }

  /** Attributes of what is filled. */
  filled() {
    return `fill="${escapeXml(this.fillStyle)}" fill-opacity="${this.globalAlpha}"`;
  }

  /** Attributes of what is stroked. */
  stroked() {
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : "";
    const join = this.lineJoin === "round" ? ' stroke-linejoin="round"' : "";
    const colour = `stroke="${escapeXml(this.strokeStyle)}" stroke-opacity="${this.globalAlpha}"`;
    return `fill="none" ${colour} stroke-width="${this.lineWidth}"${dash}${join}`;
  }

  fill() {
    this.parts.push(`<path d="${this.path}" ${this.filled()}/>`);
  }

  stroke() {
    this.parts.push(`<path d="${this.path}" ${this.stroked()}/>`);
  }

  /** @param {number[]} dash lengths of dashes and gaps */
  setLineDash(dash) {
    this.dash = dash;
  }

  /** @param {number} x @param {number} y @param {number} width @param {number} height */
  fillRect(x, y, width, height) {
    this.parts.push(`<rect ${box(x, y, width, height)} ${this.filled()}/>`);
  }

  /** @param {number} x @param {number} y @param {number} width @param {number} height */
  strokeRect(x, y, width, height) {
    this.parts.push(`<rect ${box(x, y, width, height)} ${this.stroked()}/>`);
  }

  /** @param {string} text @param {number} x @param {number} y */
  fillText(text, x, y) {
    const anchor = ANCHORS[this.textAlign] ?? "start";
    const style = `style="font:${escapeXml(this.font)}"`;
    const place = `x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}"`;
    this.parts.push(`<text ${place} ${style} ${this.filled()}>${escapeXml(text)}</text>`);
  }

  /**
   * @param {{ toDataURL(): string }} image a canvas
   * @param {number} x @param {number} y @param {number} width @param {number} height
   */
  drawImage(image, x, y, width, height) {
    const looks = this.imageSmoothingEnabled ? "" : ' style="image-rendering:pixelated"';
    const at = `${box(x, y, width, height)} preserveAspectRatio="none"${looks}`;
    this.parts.push(`<image href="${image.toDataURL()}" ${at}/>`);
  }

  /**
   * Writes the file.
   * @param {number} width in pixels
   * @param {number} height in pixels
   * @param {string} back colour of the background
   * @returns {string} the text of an SVG file
   */
  file(width, height, back) {
    return svgFile(width, height, back, this.parts.join("") + "</g>".repeat(this.clips));
  }
}

/** @param {number} x @param {number} y @param {number} width @param {number} height */
function box(x, y, width, height) {
  const size = `width="${fixed(width)}" height="${fixed(height)}"`;
  return `x="${fixed(x)}" y="${fixed(y)}" ${size}`;
}

/**
 * Writes an SVG file.
 * @param {number} width in pixels
 * @param {number} height in pixels
 * @param {string} back colour of the background
 * @param {string} content its elements
 */
export function svgFile(width, height, back, content) {
  const size = `width="${fixed(width)}" height="${fixed(height)}"`;
  const view = `viewBox="0 0 ${fixed(width)} ${fixed(height)}"`;
  const ground = `<rect width="100%" height="100%" fill="${escapeXml(back)}"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${view}>${ground}${content}</svg>`;
}
