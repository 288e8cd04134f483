// The pictures of one panel of one run, each drawn as its form says (see FORMS). A cell shows one step at a
// time; the next picture is loaded before it takes the place of the last one.

import { make } from "./chart.js";
import { Calibration, Gap, Ledger } from "./game.js";
import { Line } from "./line.js";
import { Paper } from "./paper.js";

class UnknownForm extends Error {
  constructor(form) { super(`This page cannot draw pictures of the form "${form}". Reload the page; if that does not help, the form has no row in pictures.js.`); }
}

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
      await this.draw(about, step);
      this.about = about;
      this.shown = step;
      this.figure.dataset.step = step;
      this.at.textContent = `step ${step.toLocaleString("en")}`;
      this.wait.hidden = true;
      this.told(about);
    } catch (error) {
      // The picture was thinned out, or the connection is down: the last one stays, and the next wish is tried.
      if (this.wanted === step) this.wanted = null;
      if (error instanceof UnknownForm) this.wait.textContent = error.message;
      else if (this.shown === null) this.wait.textContent = "no picture of this step";
    } finally {
      this.busy = false;
    }
    if (this.wanted !== null && this.wanted !== step) this.refresh();
  }

  redraw() { if (this.about && !FORMS[this.about.form]?.fixed) this.draw(this.about, this.shown); }

  get dark() { return !!this.figure.closest(".gl")?.classList.contains("gl-dark"); }

  // What a picture draws on: a canvas as wide as the figure, in CSS pixels.
  paper(height) {
    if (!this.canvas) {
      this.canvas = make("canvas", { role: "img" }, this.figure);
      this.keys = make("div", { class: "gl-keys" }, this.figure);
      this.size = new ResizeObserver(() => {
        if (this.about && this.canvas.clientWidth !== this.drawn) this.redraw();
      });
      this.size.observe(this.canvas);
    }
    const width = (this.drawn = this.canvas.clientWidth || 320);
    const tall = height(width), scale = window.devicePixelRatio || 1;
    this.canvas.style.height = `${tall}px`;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(tall * scale);
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    return new Paper(pen, width, tall, getComputedStyle(this.figure).color);
  }

  // Draw a picture as its form says; one of an unknown form says so and is not drawn as another.
  async draw(about, step) {
    const form = FORMS[about.form];
    if (!form) throw new UnknownForm(about.form);
    if (form.Own) {
      this.own ??= new form.Own(this);
      this.own.draw(about);
      return;
    }
    if (form.fixed) {
      await form.draw(this, about, step);
      return;
    }
    const paper = this.paper((width) => (form.square ? Math.min(width, 380) : Math.min(0.75 * width, 300)));
    this.canvas.setAttribute("aria-label", `${about.title ?? this.panel}. ${about.note ?? ""}`);
    this.key(form.draw(paper, about, this.colours(), this));
  }

  colours() {
    const style = getComputedStyle(this.figure);
    return Array.from({ length: 10 }, (_, i) => style.getPropertyValue(`--gl-${i}`).trim());
  }

  // The legend: names with their colours; null is a remark without one.
  key(rows) {
    this.keys.replaceChildren();
    for (const [name, colour, sign = ""] of rows) {
      const key = make("span", {}, this.keys);
      if (colour) make("i", { class: sign }, key).style.setProperty("--gl-key", colour);
      key.append(name);
    }
  }
}

// A sheet of images: {n, columns, shape: [C, H, W]} with its PNG beside it.
export async function drawImages(cell, about, step) {
  const next = new Image();
  next.src = cell.address(step, "png");
  await next.decode();
  if (!cell.img) {
    const sheet = make("div", { class: "gl-sheet" }, cell.figure);
    cell.img = make("img", {}, sheet);
    const [, height, width] = about.shape ?? [1, 1, 1];
    const rows = Math.ceil(about.n / about.columns);
    cell.img.width = about.columns * width;
    cell.img.height = rows * height;
    make("div", {}, sheet).style.backgroundSize = `${100 / about.columns}% ${100 / rows}%`;
    // Places of the last row that hold no picture look like the card, not like black pictures.
    const rest = rows * about.columns - about.n;
    if (rest) Object.assign(make("div", { class: "gl-blank" }, sheet).style, { left: `${100 - (100 * rest) / about.columns}%`, top: `${100 - 100 / rows}%` });
  }
  cell.img.alt = `${about.title ?? cell.panel}, ${about.n} images, step ${step}`;
  cell.img.src = next.src;
}

// {x: [[x, y]], label: [class], classes, box, axes}; the data themselves, where shown, stay in the background.
export function drawPoints(paper, about, colours, cell) {
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
  // One scale for both axes, unless one of them would be a thin stripe: columns may have units of their own.
  const ratio = (span[1] - span[0]) / Math.max(span[3] - span[2], 1e-30);
  paper.span([span[0] - pad, span[1] + pad], [span[2] - pad, span[3] + pad], !about.box || (ratio < 4 && ratio > 0.25));
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
  if (outside) keys.push([`${outside} outside the picture`, null]);
  return keys;
}

// {edges: [n + 1], counts: {name: [n]}, x_title}: each kind as its share, so that they can be compared.
export function drawHistogram(paper, about, colours) {
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
export function drawBars(paper, about, colours) {
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

// How each form is drawn. The names and functions are those of the table PANELS in genlab/panels.
// fixed: does not depend on the size of the page; square: both axes have one scale; Own: a class that is
// made once for a cell and draws every step.
export const FORMS = {
  images: { draw: drawImages, fixed: true },
  points: { draw: drawPoints, square: true },
  histogram: { draw: drawHistogram },
  bars: { draw: drawBars },
  gap: { Own: Gap, wide: true },
  ledger: { Own: Ledger, wide: true },
  calibration: { Own: Calibration },
  line: { Own: Line, wide: true },
};
