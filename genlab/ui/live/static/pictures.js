// The pictures of one panel of one run: an image sheet, points, a histogram, bars or a field. A cell shows
// one step at a time; the next picture is loaded before it takes the place of the last one.

import { make, short, ticks } from "./chart.js";

const KEPT = 60;
const cache = new Map();

async function fetchFrame(address) {
  if (!cache.has(address)) {
    const wanted = fetch(address).then((reply) => {
      if (!reply.ok) throw new Error(String(reply.status));
      return reply.json();
    });
    cache.set(address, wanted);
    wanted.catch(() => cache.delete(address));
    if (cache.size > KEPT * 8) cache.delete(cache.keys().next().value);
  }
  return cache.get(address);
}

export class Cell {
  // header: where the step is said; told(about) hears the panel's title and note when they are known.
  constructor(parent, run, panel, { several, header, told }) {
    Object.assign(this, { run, panel, told, wanted: null, shown: null, visible: false, spans: null });
    this.figure = make("figure", { "data-run": run.id }, parent);
    this.figure.cell = this;
    let place = header;
    if (several) {
      place = make("figcaption", {}, this.figure);
      const name = make("span", {}, place);
      make("i", {}, name).style.background = run.colour;
      name.append(run.title);
      this.note = make("p", { class: "gl-note" }, this.figure);
    }
    this.at = make("span", { class: "gl-at" }, place);
    this.wait = make("div", { class: "gl-wait" }, this.figure, "loading…");
  }

  address(step, form) {
    return new URL(`genlab/runs/${encodeURIComponent(this.run.id)}/frame/${encodeURIComponent(this.panel)}/${step}.${form}`, document.baseURI).href;
  }

  show(step) {
    if (step === undefined || step === this.wanted) return;
    this.wanted = step;
    this.refresh();
  }

  // One load at a time: while the slider is dragged only the newest wish is fulfilled next.
  async refresh() {
    if (!this.visible || this.busy || this.wanted === null || this.wanted === this.shown) return;
    this.busy = true;
    const step = this.wanted;
    try {
      const about = await fetchFrame(this.address(step, "json"));
      if (about.form === "images") await this.image(about, step);
      else this.draw(about);
      this.about = about;
      this.shown = step;
      this.figure.dataset.step = step;
      this.at.textContent = `step ${step.toLocaleString("en")}`;
      this.wait.hidden = true;
      this.told(about);
    } catch {
      // The picture was thinned out, or the connection is down: the last one stays, and the next wish is tried.
      if (this.wanted === step) this.wanted = null;
      if (this.shown === null) this.wait.textContent = "no picture of this step";
    } finally {
      this.busy = false;
    }
    if (this.wanted !== null && this.wanted !== step) this.refresh();
  }

  async image(about, step) {
    const next = new Image();
    next.src = this.address(step, "png");
    await next.decode();
    if (!this.img) {
      const sheet = make("div", { class: "gl-sheet" }, this.figure);
      this.img = make("img", {}, sheet);
      const [, height, width] = about.shape ?? [1, 1, 1];
      const rows = Math.ceil(about.n / about.columns);
      this.img.width = about.columns * width;
      this.img.height = rows * height;
      make("div", {}, sheet).style.backgroundSize = `${100 / about.columns}% ${100 / rows}%`;
    }
    this.img.alt = `${about.title ?? this.panel}, ${about.n} images, step ${step}`;
    this.img.src = next.src;
  }

  redraw() { if (this.about && this.about.form !== "images") this.draw(this.about); }

  draw(about) {
    if (!this.canvas) {
      this.canvas = make("canvas", { role: "img" }, this.figure);
      this.keys = make("div", { class: "gl-keys" }, this.figure);
      this.size = new ResizeObserver(() => {
        if (this.about && this.canvas.clientWidth !== this.drawn) this.draw(this.about);
      });
      this.size.observe(this.canvas);
    }
    this.canvas.setAttribute("aria-label", `${about.title ?? this.panel}. ${about.note ?? ""}`);
    const width = (this.drawn = this.canvas.clientWidth || 320);
    const height = about.form === "points" || about.form === "field" ? Math.min(width, 380) : Math.min(0.75 * width, 300);
    const scale = window.devicePixelRatio || 1;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    const style = getComputedStyle(this.figure);
    const colours = Array.from({ length: 10 }, (_, i) => style.getPropertyValue(`--gl-${i}`).trim());
    const paper = new Paper(pen, width, height, style.color);
    const draw = { points: drawPoints, histogram: drawHistogram, bars: drawBars, field: drawField }[about.form];
    const keys = draw ? draw(paper, about, colours, this) : [];
    this.keys.replaceChildren();
    for (const [name, colour] of keys) {
      const key = make("span", {}, this.keys);
      make("i", {}, key).style.background = colour;
      key.append(name);
    }
  }
}

// Axes of a small plot, in data coordinates.
class Paper {
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

// {x: [[x, y]], label: [class], classes, box, axes}; the data themselves, where shown, stay in the background.
function drawPoints(paper, about, colours, cell) {
  const points = about.x ?? [], label = about.label ?? points.map(() => 0), names = about.classes ?? [];
  let span = about.box ? [about.box[0][0], about.box[1][0], about.box[0][1], about.box[1][1]] : cell.spans;
  if (!about.box) {
    for (const [x, y] of points) {
      if (x === null || y === null) continue;
      span = span ? [Math.min(span[0], x), Math.max(span[1], x), Math.min(span[2], y), Math.max(span[3], y)] : [x, x, y, y];
    }
    // These axes only ever grow, so that scrubbing through time does not make them jump.
    cell.spans = span;
  }
  span ??= [0, 1, 0, 1];
  const pad = about.box ? 0 : 0.04 * Math.max(span[1] - span[0], span[3] - span[2], 1e-6);
  paper.span([span[0] - pad, span[1] + pad], [span[2] - pad, span[3] + pad], true);
  paper.axes();
  const { pen } = paper, keys = [], size = points.length > 1500 ? 2 : 2.8;
  const behind = names[0] === "data" || names[0] === "held-out";
  let outside = 0;
  for (const kind of [...new Set(label)].sort((a, b) => a - b)) {
    const faint = behind && kind === 0;
    pen.fillStyle = faint ? paper.ink : colours[(Math.abs(kind) - (behind ? 1 : 0)) % 10];
    pen.globalAlpha = faint ? 0.3 : 0.75;
    points.forEach(([x, y], i) => {
      if (label[i] !== kind || x === null || y === null) return;
      const px = paper.px(x), py = paper.py(y);
      if (px < paper.left || px > paper.width - paper.right || py < paper.top || py > paper.height - paper.bottom) outside++;
      else pen.fillRect(px - size / 2, py - size / 2, size, size);
    });
    if (names.length) keys.push([names[kind] ?? String(kind), faint ? "gray" : pen.fillStyle]);
  }
  pen.globalAlpha = 1;
  paper.titles(...(about.axes ?? []));
  if (outside) keys.push([`${outside} outside the picture`, "transparent"]);
  return keys;
}

// {edges: [n + 1], counts: {name: [n]}, x_title}: each kind as its share, so that they can be compared.
function drawHistogram(paper, about, colours) {
  const edges = about.edges;
  const rows = Object.entries(about.counts).map(([name, counts]) => {
    const total = counts.reduce((a, b) => a + b, 0) || 1;
    return [name, counts.map((count) => count / total)];
  });
  paper.span([edges[0], edges[edges.length - 1]], [0, 1.05 * Math.max(1e-12, ...rows.flatMap(([, shares]) => shares))]);
  paper.axes();
  const { pen } = paper;
  rows.forEach(([, shares], index) => {
    pen.beginPath();
    pen.moveTo(paper.px(edges[0]), paper.py(0));
    shares.forEach((share, i) => {
      pen.lineTo(paper.px(edges[i]), paper.py(share));
      pen.lineTo(paper.px(edges[i + 1]), paper.py(share));
    });
    pen.lineTo(paper.px(edges[edges.length - 1]), paper.py(0));
    pen.fillStyle = pen.strokeStyle = colours[index % 10];
    pen.globalAlpha = 0.22;
    pen.fill();
    pen.globalAlpha = 1;
    pen.lineWidth = 1.6;
    pen.stroke();
  });
  paper.titles(about.x_title, "share");
  return rows.map(([name], index) => [name, colours[index % 10]]);
}

// {x: [names], y: [values], x_title, y_title}
function drawBars(paper, about, colours) {
  const names = about.x ?? [], known = about.y.filter((v) => v !== null);
  paper.span([-0.5, Math.max(1, names.length) - 0.5], [Math.min(0, ...known), 1.08 * Math.max(1e-12, ...known)]);
  paper.axes({ xticks: false });
  const { pen } = paper, slot = (paper.px(1) - paper.px(0)) * 0.8;
  pen.fillStyle = colours[0];
  about.y.forEach((value, i) => {
    if (value === null) return;
    pen.fillRect(paper.px(i) - slot / 2, Math.min(paper.py(value), paper.py(0)), Math.max(1, slot), Math.abs(paper.py(value) - paper.py(0)));
  });
  pen.fillStyle = paper.ink;
  pen.globalAlpha = 0.72;
  pen.textAlign = "center";
  const skip = Math.max(1, Math.ceil((names.length * 24) / (paper.width - 46)));
  names.forEach((name, i) => { if (i % skip === 0) pen.fillText(String(name), paper.px(i), paper.height - paper.bottom + 14); });
  pen.globalAlpha = 1;
  paper.titles(about.x_title, about.y_title);
  return [];
}

// {x: [n], y: [m], z: [m][n], low, high}
function drawField(paper, about) {
  const { x: xs, y: ys, z } = about;
  paper.span([xs[0], xs[xs.length - 1]], [ys[0], ys[ys.length - 1]], true);
  const known = z.flat().filter((v) => v !== null);
  const low = about.low ?? Math.min(...known), high = about.high ?? Math.max(...known);
  const small = make("canvas", { width: xs.length, height: ys.length });
  const ink = small.getContext("2d"), picture = ink.createImageData(xs.length, ys.length);
  z.forEach((row, j) => row.forEach((v, i) => {
    const t = v === null ? 0 : (v - low) / (high - low || 1), at = 4 * ((ys.length - 1 - j) * xs.length + i);
    // From blue over white to vermillion: told apart by every kind of colour vision.
    const [r, g, b] = t < 0.5 ? [510 * t, 114 + 282 * t, 178 + 154 * t] : [255 - 84 * (t - 0.5), 255 - 322 * (t - 0.5), 255 - 510 * (t - 0.5)];
    picture.data.set([r, g, b, v === null ? 0 : 255], at);
  }));
  ink.putImageData(picture, 0, 0);
  paper.pen.drawImage(small, paper.px(xs[0]), paper.py(ys[ys.length - 1]), paper.px(xs[xs.length - 1]) - paper.px(xs[0]), paper.py(ys[0]) - paper.py(ys[ys.length - 1]));
  paper.axes();
  return [[short(low), "#0072b2"], [short((low + high) / 2), "#ffffff"], [short(high), "#d55e00"]];
}
