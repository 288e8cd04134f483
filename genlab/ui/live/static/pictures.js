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
  // told(about) hears the title and note of the panel when they are known.
  constructor(parent, run, panel, several, told) {
    Object.assign(this, { run, panel, told, wanted: null, shown: null, visible: false, spans: null });
    this.figure = make("figure", { "data-run": run.id }, parent);
    this.figure.cell = this;
    const caption = make("figcaption", {}, this.figure);
    this.name = make("span", {}, caption);
    if (several) {
      make("i", {}, this.name).style.background = run.colour;
      this.name.append(run.title);
    }
    this.at = make("span", {}, caption);
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
      this.img = make("img", {}, this.figure);
      const [, height, width] = about.shape ?? [1, 1, 1];
      const rows = Math.ceil(about.n / about.columns);
      this.img.width = about.columns * width;
      this.img.height = rows * height;
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
    const height = about.form === "points" || about.form === "field" ? Math.min(width, 360) : 210;
    const scale = window.devicePixelRatio || 1;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    const style = getComputedStyle(this.figure);
    const colours = Array.from({ length: 10 }, (_, i) => style.getPropertyValue(`--gl-${i}`).trim());
    const paper = new Paper(pen, width, height, style.color);
    const shape = { points: drawPoints, histogram: drawHistogram, bars: drawBars, field: drawField }[about.form];
    const keys = shape ? shape(paper, about, colours, this) : [];
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
    Object.assign(this, { pen, width, height, ink, left: 38, right: 8, top: 8, bottom: 22 });
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
    for (const v of xs) pen.fillText(short(v), this.px(v), this.height - 7);
    pen.textAlign = "right";
    for (const v of ys) pen.fillText(short(v), this.left - 5, this.py(v) + 4);
    pen.globalAlpha = 1;
  }

  stroke(xa, ya, xb, yb) {
    this.pen.beginPath();
    this.pen.moveTo(xa, ya);
    this.pen.lineTo(xb, yb);
    this.pen.stroke();
  }
}

const RESERVED = new Set(["form", "title", "note", "step", "box", "classes", "class_names", "labels", "label", "y", "grid", "lines", "axes", "names"]);
const isRows = (value) => Array.isArray(value) && value.length > 0 && Array.isArray(value[0]);

// Every cloud in a payload: under ``layers``, or each key that holds rows of coordinates.
function clouds(about) {
  if (Array.isArray(about.layers)) return about.layers.map((layer) => ({ name: layer.title ?? layer.name ?? "", points: layer.x ?? layer.points ?? [], labels: layer.labels ?? layer.label }));
  const labels = about.labels ?? about.label ?? about.y;
  return Object.entries(about).filter(([key, value]) => !RESERVED.has(key) && isRows(value)).map(([key, points]) => ({
    name: key, points, labels: Array.isArray(labels) && labels.length === points.length ? labels : null,
  }));
}

function drawPoints(paper, about, colours, cell) {
  const layers = clouds(about);
  const line = layers.every((layer) => layer.points.every((p) => p.length === 1));
  let span = cell.spans;
  const at = (p) => (line ? [p[0], 0] : p);
  for (const layer of layers) {
    for (const p of layer.points) {
      const [x, y] = at(p);
      if (x === null || y === null) continue;
      span ??= [x, x, y, y];
      span = [Math.min(span[0], x), Math.max(span[1], x), Math.min(span[2], y), Math.max(span[3], y)];
    }
  }
  span ??= [0, 1, 0, 1];
  // The axes only ever grow, so that scrubbing through time does not make them jump.
  cell.spans = span;
  const pad = 0.04 * Math.max(span[1] - span[0], span[3] - span[2], 1e-6);
  paper.span([span[0] - pad, span[1] + pad], line ? [-1, 1] : [span[2] - pad, span[3] + pad], !line);
  paper.axes({ yticks: !line });
  const { pen } = paper, keys = [];
  const names = about.classes ?? about.class_names ?? [];
  layers.forEach((layer, index) => {
    const faint = layers.length > 1 && index === 0;
    const size = layer.points.length > 1500 ? 1.6 : 2.2;
    const kinds = layer.labels ? [...new Set(layer.labels)].sort((a, b) => a - b) : [null];
    for (const kind of kinds) {
      const colour = kind === null ? (faint ? paper.ink : colours[index % 10]) : colours[Math.abs(kind) % 10];
      pen.fillStyle = colour;
      pen.globalAlpha = faint ? 0.25 : 0.7;
      layer.points.forEach((p, i) => {
        if (kind !== null && layer.labels[i] !== kind) return;
        const [x, y] = at(p);
        const lift = line ? (((i * 0.618) % 1) - 0.5) * 0.8 + (index - (layers.length - 1) / 2) : y;
        pen.fillRect(paper.px(x) - size / 2, paper.py(line ? Math.max(-1, Math.min(1, lift)) : y) - size / 2, size, size);
      });
      pen.globalAlpha = 1;
      if (kind !== null) keys.push([names[kind] ?? String(kind), colour]);
      else if (layers.length > 1) keys.push([layer.name, faint ? "gray" : colour]);
    }
  });
  return keys;
}

function drawHistogram(paper, about, colours) {
  const edges = about.edges ?? [];
  const table = about.counts ?? Object.fromEntries(Object.entries(about).filter(([key, v]) => key !== "edges" && !RESERVED.has(key) && Array.isArray(v) && v.length === edges.length - 1));
  const rows = Array.isArray(table) ? [["", table]] : Object.entries(table);
  const top = Math.max(1e-12, ...rows.flatMap(([, counts]) => counts));
  paper.span([edges[0] ?? 0, edges[edges.length - 1] ?? 1], [0, top * 1.05]);
  paper.axes();
  rows.forEach(([, counts], index) => {
    const { pen } = paper;
    pen.beginPath();
    pen.moveTo(paper.px(edges[0]), paper.py(0));
    counts.forEach((count, i) => {
      pen.lineTo(paper.px(edges[i]), paper.py(count));
      pen.lineTo(paper.px(edges[i + 1]), paper.py(count));
    });
    pen.lineTo(paper.px(edges[edges.length - 1]), paper.py(0));
    pen.fillStyle = pen.strokeStyle = colours[index % 10];
    pen.globalAlpha = 0.25;
    pen.fill();
    pen.globalAlpha = 1;
    pen.lineWidth = 1.6;
    pen.stroke();
  });
  return rows.length > 1 ? rows.map(([name], index) => [name, colours[index % 10]]) : [];
}

function drawBars(paper, about, colours) {
  const given = about.values ?? {};
  const rows = Array.isArray(given) ? [["", given]] : Object.entries(given);
  const labels = about.labels ?? about.names ?? (rows[0]?.[1] ?? []).map((_, i) => String(i));
  const every = rows.flatMap(([, values]) => values).filter((v) => v !== null);
  paper.span([-0.5, Math.max(1, labels.length) - 0.5], [Math.min(0, ...every), Math.max(1e-12, ...every) * 1.05]);
  paper.axes({ xticks: false });
  const { pen } = paper, slot = (paper.px(1) - paper.px(0)) * 0.8 / Math.max(1, rows.length);
  rows.forEach(([, values], index) => {
    pen.fillStyle = colours[index % 10];
    values.forEach((value, i) => {
      if (value === null) return;
      const x = paper.px(i) - (slot * rows.length) / 2 + slot * index;
      pen.fillRect(x, Math.min(paper.py(value), paper.py(0)), Math.max(1, slot - 1), Math.abs(paper.py(value) - paper.py(0)));
    });
  });
  pen.fillStyle = paper.ink;
  pen.globalAlpha = 0.72;
  pen.textAlign = "center";
  const skip = Math.ceil((labels.length * 22) / (paper.width - 46));
  labels.forEach((label, i) => { if (i % skip === 0) pen.fillText(String(label), paper.px(i), paper.height - 7); });
  pen.globalAlpha = 1;
  return rows.length > 1 ? rows.map(([name], index) => [name, colours[index % 10]]) : [];
}

function drawField(paper, about) {
  const z = about.z ?? about.values ?? [];
  const xs = about.x ?? z[0]?.map((_, i) => i) ?? [0, 1], ys = about.y ?? z.map((_, i) => i);
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
  paper.pen.drawImage(small, paper.px(paper.x0 <= xs[0] ? xs[0] : paper.x0), paper.py(ys[ys.length - 1]), paper.px(xs[xs.length - 1]) - paper.px(xs[0]), paper.py(ys[0]) - paper.py(ys[ys.length - 1]));
  paper.axes();
  return [[short(low), "#0072b2"], [short((low + high) / 2), "#ffffff"], [short(high), "#d55e00"]];
}
