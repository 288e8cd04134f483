// The pad: a square over two directions of the latent space, a strip where there is one. A drag moves z, and the
// decoder runs here, in the page, at the screen's rate; Python hears of z when it is let go, with a number that no
// other move has, whenever this was mounted.

import { make } from "./chart.js";
import { load } from "./decoder.js";
import { Paper } from "./paper.js";

const pads = new WeakMap();
const KEPT = 400;
const DIGITS = 4;

export function mount({ data, parentElement, setStateValue }) {
  let pad = pads.get(parentElement);
  if (!pad) pads.set(parentElement, (pad = new Pad(parentElement)));
  pad.report = (at) => setStateValue("at", at);
  pad.update(data);
  return () => pad.rest();
}

// The numbers of the last decoders, by their hash: another class of the same model has the same ones.
const known = new Map();

async function fetched(address) {
  const reply = await fetch(new URL(address, document.baseURI));
  if (!reply.ok) throw new Error((await reply.json().catch(() => ({}))).error ?? "The decoder did not load.");
  return reply;
}

async function decoder(data) {
  const program = await (await fetched(data.program)).json();
  if (!known.has(program.weights)) {
    const numbers = fetched(data.weights).then((reply) => reply.arrayBuffer());
    known.set(program.weights, numbers);
    numbers.catch(() => known.delete(program.weights));
    if (known.size > 6) known.delete(known.keys().next().value);
  }
  return { run: load(program, await known.get(program.weights)), shape: program.shape };
}

const dot = (a, b) => { let sum = 0; for (let i = 0; i < a.length; i++) sum += a[i] * b[i]; return sum; };

class Pad {
  constructor(parent) {
    this.root = make("div", { class: "gl gl-pad" }, parent);
    this.square = make("canvas", { class: "gl-square", tabindex: 0, role: "application", "aria-roledescription": "pad" }, this.root);
    const figure = make("figure", {}, this.root);
    this.image = make("canvas", { class: "gl-decoded", role: "img" }, figure);
    this.words = make("figcaption", {}, figure);
    this.n = -1;
    this.took = new Float64Array(KEPT);
    this.frames = 0;
    this.dragged = this.ticking = false;
    const { square } = this;
    square.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      square.setPointerCapture(event.pointerId);
      square.focus({ preventScroll: true });
      this.dragged = true;
      this.point(event);
    });
    square.addEventListener("pointermove", (event) => { if (this.dragged) this.point(event); });
    for (const name of ["pointerup", "pointercancel"]) {
      square.addEventListener(name, () => { if (this.dragged) { this.dragged = false; this.commit(); } });
    }
    square.addEventListener("keydown", (event) => this.key(event));
    square.addEventListener("keyup", (event) => { if (event.key.startsWith("Arrow")) this.commit(); });
    square.addEventListener("blur", () => { if (this.moved && !this.dragged) this.commit(); });
    this.root.pad = this;
  }

  update(data) {
    const before = this.data;
    this.data = data;
    this.u = Float64Array.from(data.u);
    this.line = !data.v;
    this.v = this.line ? new Float64Array(data.u.length) : Float64Array.from(data.v);
    this.span = this.line ? [data.span[0], [-1, 1]] : data.span;
    this.square.classList.toggle("gl-line", this.line);
    this.g = dot(this.u, this.v);
    if (!this.size) {
      this.size = new ResizeObserver(() => this.backdrop());
      this.size.observe(this.square);
      this.clock = setInterval(() => { if (!document.hidden && getComputedStyle(this.root).color !== this.ink) this.backdrop(); }, 1000);
    }
    // What is told may be older than what was just let go here.
    if (data.n > this.n && !this.dragged) {
      this.n = data.n;
      this.z = Float64Array.from(data.z);
    }
    const up = this.line ? "" : ` and ${data.names[1]} (up, down)`;
    this.square.setAttribute("aria-label", `z along ${data.names[0]} (left, right)${up}; arrow keys move it, with shift further`);
    if (before?.program !== data.program) this.fetch(data);
    this.backdrop();
  }

  rest() {
    this.size?.disconnect();
    clearInterval(this.clock);
    this.size = null;
  }

  async fetch(data) {
    try {
      const found = await decoder(data);
      if (this.data.program !== data.program) return;
      this.decode = found.run;
      this.shape = found.shape;
      this.root.dataset.program = data.program;
      this.draw();
    } catch (error) {
      if (this.data.program === data.program) this.words.textContent = error.message;
    }
  }

  // -- moving ------------------------------------------------------------------------------------

  at() { return [dot(this.z, this.u), dot(this.z, this.v)]; }

  // z moves within the plane of the two directions, to where its projections on them are s and t.
  aim(s, t) {
    const { u, v, z, g } = this, [[s0, s1], [t0, t1]] = this.span, [a, b] = this.at();
    const ds = Math.min(s1, Math.max(s0, s)) - a, dt = Math.min(t1, Math.max(t0, t)) - b, left = 1 - g * g;
    const p = (ds - g * dt) / left, q = (dt - g * ds) / left;
    for (let i = 0; i < z.length; i++) z[i] += p * u[i] + q * v[i];
    this.moved = true;
    this.draw();
  }

  point(event) {
    const box = this.square.getBoundingClientRect(), { paper } = this;
    const share = (at, low, high) => (at - low) / (high - low);
    const x = share(event.clientX - box.left, paper.left, paper.width - paper.right);
    const y = share(event.clientY - box.top, paper.height - paper.bottom, paper.top);
    this.wanted = [paper.x0 + x * (paper.x1 - paper.x0), paper.y0 + y * (paper.y1 - paper.y0)];
    this.tick();
  }

  tick() {
    if (this.ticking) return;
    this.ticking = true;
    requestAnimationFrame(() => {
      this.ticking = false;
      if (this.wanted) this.aim(...this.wanted);
      this.wanted = null;
    });
  }

  key(event) {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const steps = event.shiftKey ? 10 : 50, here = this.wanted ?? this.at();
    this.wanted = here.map((value, i) => value + (by[i] * (this.span[i][1] - this.span[i][0])) / steps);
    this.tick();
  }

  commit() {
    if (this.wanted) this.aim(...this.wanted);
    this.wanted = null;
    if (!this.moved) return;
    this.moved = false;
    const z = Array.from(this.z, (value) => Number(value.toPrecision(DIGITS)));
    this.z.set(z);
    this.draw();
    this.n = Math.max(this.n + 1, Date.now());
    this.report({ n: this.n, z });
  }

  // -- drawing -----------------------------------------------------------------------------------

  // What does not move: axes and the codes. Drawn once, then copied under the point of every frame.
  backdrop() {
    const side = this.square.clientWidth, scale = window.devicePixelRatio || 1;
    if (!side || !this.data) return;
    const style = getComputedStyle(this.root);
    this.ink = style.color;
    this.accent = style.getPropertyValue("--st-primary-color").trim() || "#0072b2";
    const back = (this.back ??= make("canvas"));
    const high = this.line ? side / 4 : side, [wide, tall] = [side, high].map((length) => Math.round(length * scale));
    for (const canvas of [back, this.square]) if (canvas.width !== wide || canvas.height !== tall) { canvas.width = wide; canvas.height = tall; }
    const pen = back.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, side, high);
    const paper = (this.paper = new Paper(pen, side, high, this.ink));
    paper.span(...this.span);
    paper.axes({ yticks: !this.line });
    pen.fillStyle = this.ink;
    pen.globalAlpha = 0.22;
    for (const [s, t = 0] of this.data.dots) {
      pen.beginPath();
      pen.arc(paper.px(s), paper.py(t), 2.2, 0, 7);
      pen.fill();
    }
    pen.globalAlpha = 1;
    paper.titles(...this.data.names);
    this.scene = null;
    this.draw();
  }

  draw() {
    if (!this.paper) return;
    const pen = this.square.getContext("2d"), scale = window.devicePixelRatio || 1, { paper } = this;
    const [s, t] = this.at(), x = paper.px(s), y = paper.py(t);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.square.width, this.square.height);
    pen.drawImage(this.back, 0, 0);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.strokeStyle = this.accent;
    pen.globalAlpha = 0.5;
    const cross = [[x, paper.top, x, paper.height - paper.bottom], [paper.left, y, paper.width - paper.right, y]];
    for (const [a, b, c, d] of cross) {
      pen.beginPath();
      pen.moveTo(a, b);
      pen.lineTo(c, d);
      pen.stroke();
    }
    pen.globalAlpha = 1;
    pen.fillStyle = this.accent;
    pen.beginPath();
    pen.arc(x, y, 7, 0, 7);
    pen.fill();
    pen.lineWidth = 2;
    pen.strokeStyle = "#fff";
    pen.stroke();
    if (!this.decode) return;
    const begun = performance.now(), found = this.decode(this.z);
    this.took[this.frames++ % KEPT] = performance.now() - begun;
    if (this.data.box) this.plot(found);
    else this.picture(found);
    this.words.textContent = this.data.names.map((name, i) => `${name} = ${(i ? t : s).toFixed(3)}`).join(" · ");
  }

  // The picture itself, a pixel a pixel; the style sheet enlarges it.
  picture(x) {
    const [channels, height, width] = this.shape, { image } = this, size = height * width;
    if (image.width !== width || image.height !== height || !this.pixels) {
      image.width = width;
      image.height = height;
      this.pixels = image.getContext("2d").createImageData(width, height);
      this.pixels.data.fill(255);
      image.setAttribute("aria-label", "the decoded picture");
    }
    const bytes = this.pixels.data;
    for (let i = 0; i < size; i++) {
      for (let c = 0; c < 3; c++) bytes[4 * i + c] = 255 * x[channels > 1 ? c * size + i : i];
    }
    image.getContext("2d").putImageData(this.pixels, 0, 0);
  }

  // A decoded point among the data.
  plot(x) {
    const { image } = this, scale = window.devicePixelRatio || 1, side = image.clientWidth || 280;
    image.classList.add("gl-points");
    if (!this.scene || this.scene.width !== Math.round(side * scale)) {
      this.scene = make("canvas", { width: Math.round(side * scale), height: Math.round(side * scale) });
      image.width = image.height = this.scene.width;
      image.setAttribute("aria-label", "the decoded point among the data");
      const pen = this.scene.getContext("2d");
      pen.scale(scale, scale);
      this.plane = new Paper(pen, side, side, this.ink);
      this.plane.span(...this.data.box, this.shape[0] > 1);
      this.plane.axes({ yticks: this.shape[0] > 1 });
      pen.fillStyle = this.ink;
      pen.globalAlpha = 0.25;
      for (const [a, b] of this.data.points) pen.fillRect(this.plane.px(a) - 1.5, this.plane.py(b ?? 0) - (this.shape[0] > 1 ? 1.5 : 12), 3, this.shape[0] > 1 ? 3 : 24);
      pen.globalAlpha = 1;
      this.plane.titles("data space", "");
    }
    const pen = image.getContext("2d"), across = this.plane.px(x[0]), up = this.plane.py(x.length > 1 ? x[1] : 0);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, image.width, image.height);
    pen.drawImage(this.scene, 0, 0);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.fillStyle = "#d55e00";
    pen.strokeStyle = "#fff";
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(across, up, 7, 0, 7);
    pen.fill();
    pen.stroke();
    this.decoded = Array.from(x);
  }
}
