// A small plot on a canvas: axes in data coordinates, and the scales of colour that fields share.

import { make, short, ticks } from "./chart.js";

// Axes in data coordinates, inside the margins of a canvas.
export class Paper {
  constructor(pen, width, height, ink) {
    Object.assign(this, { pen, width, height, ink, left: 38, right: 8, top: 8, bottom: 34 });
    pen.font = "11px sans-serif";
  }

  span(x, y, square = false) {
    const w = this.width - this.left - this.right, h = this.height - this.top - this.bottom;
    let [x0, x1] = x, [y0, y1] = y;
    if (square) {
      const unit = Math.max((x1 - x0) / w, (y1 - y0) / h) || 1;
      const cx = (x0 + x1) / 2, cy = (y0 + y1) / 2;
      [x0, x1, y0, y1] = [cx - unit * w / 2, cx + unit * w / 2, cy - unit * h / 2, cy + unit * h / 2];
    }
    Object.assign(this, { x0, x1, y0, y1 });
    this.px = (v) => this.left + ((v - x0) / (x1 - x0 || 1)) * w;
    this.py = (v) => this.height - this.bottom - ((v - y0) / (y1 - y0 || 1)) * h;
  }

  axes({ xticks = true, yticks = true } = {}) {
    const { pen } = this;
    pen.globalAlpha = 0.14;
    pen.strokeStyle = this.ink;
    pen.lineWidth = 1;
    const xs = xticks ? ticks(this.x0, this.x1, Math.max(2, this.width / 90)) : [];
    const ys = yticks ? ticks(this.y0, this.y1, Math.max(2, this.height / 60)) : [];
    for (const v of xs) this.stroke(this.px(v), this.top, this.px(v), this.height - this.bottom);
    for (const v of ys) this.stroke(this.left, this.py(v), this.width - this.right, this.py(v));
    pen.globalAlpha = 0.72;
    pen.fillStyle = this.ink;
    pen.textAlign = "center";
    for (const v of xs) pen.fillText(short(v), this.px(v), this.height - this.bottom + 14);
    pen.textAlign = "right";
    for (const v of ys) pen.fillText(short(v), this.left - 5, this.py(v) + 4);
    pen.globalAlpha = 1;
  }

  // What the axes are, inside the plot's own corners.
  titles(x, y) {
    const { pen } = this;
    pen.fillStyle = this.ink;
    pen.globalAlpha = 0.72;
    pen.textAlign = "right";
    if (x) pen.fillText(x, this.width - this.right, this.height - 3);
    pen.textAlign = "left";
    if (y) pen.fillText(y, this.left + 4, this.top + 4);
    pen.globalAlpha = 1;
  }

  stroke(xa, ya, xb, yb) {
    this.pen.beginPath();
    this.pen.moveTo(xa, ya);
    this.pen.lineTo(xb, yb);
    this.pen.stroke();
  }
}

// Told apart by every kind of colour vision: between two opposites over what is neutral, or from nothing
// to much. Each for a light and a dark page.
const SCALES = {
  diverging: [[[0, 114, 178], [255, 255, 255], [213, 94, 0]], [[86, 180, 233], [26, 32, 39], [255, 140, 66]]],
  sequential: [[[255, 255, 255], [158, 108, 178], [58, 14, 82]], [[26, 32, 39], [150, 92, 176], [255, 226, 130]]],
};

// From a share between 0 and 1 to a colour, [r, g, b].
export function scale(kind, dark) {
  const stops = SCALES[kind][dark ? 1 : 0];
  return (share) => {
    const at = Math.min(1, Math.max(0, share)) * (stops.length - 1), i = Math.min(stops.length - 2, Math.floor(at));
    return stops[i].map((from, k) => from + (stops[i + 1][k] - from) * (at - i));
  };
}

// A field as a canvas of one pixel a cell; shares row by row from the lowest y, null where unknown.
export function pixels(shares, columns, colour) {
  const rows = shares.length / columns;
  const small = make("canvas", { width: columns, height: rows });
  const pen = small.getContext("2d"), picture = pen.createImageData(columns, rows);
  shares.forEach((share, k) => {
    if (share === null) return;
    const row = rows - 1 - Math.floor(k / columns);
    picture.data.set([...colour(share), 255], 4 * (row * columns + (k % columns)));
  });
  pen.putImageData(picture, 0, 0);
  return small;
}
