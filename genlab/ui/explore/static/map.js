// A map of points on a canvas: hover shows the picture from one sheet, drag and wheel move the view, a click, a
// lasso or a box reports rows. Points come as 16-bit numbers within their box, so that 10,000 are a small message.
// A click has a number that no other has, whenever this was mounted; the last few are told together, so that none
// is lost where the server is slower than the hand.

import { make } from "./chart.js";

const maps = new WeakMap();
const NEAR = 14, MARGIN = 22, LEVELS = 32, TIP = 84, TOLD = 4;
const MODES = { move: "Move", lasso: "Lasso", box: "Box" };
const SHAPES = [
  (c, r) => c.arc(0, 0, r, 0, 7),
  (c, r) => c.rect(-r * 0.9, -r * 0.9, r * 1.8, r * 1.8),
  (c, r) => poly(c, r * 1.25, 4, 0),
  (c, r) => poly(c, r * 1.3, 3, -Math.PI / 2),
  (c, r) => { c.rect(-r * 1.2, -r * 0.4, r * 2.4, r * 0.8); c.rect(-r * 0.4, -r * 1.2, r * 0.8, r * 2.4); },
  (c, r) => poly(c, r * 1.3, 3, Math.PI / 2),
  (c, r) => poly(c, r * 1.15, 5, -Math.PI / 2),
  (c, r) => star(c, r * 1.35, 5),
  (c, r) => poly(c, r * 1.15, 6, 0),
  (c, r) => star(c, r * 1.4, 4),
];

function poly(c, r, n, turn) {
  for (let k = 0; k < n; k++) c.lineTo(r * Math.cos(turn + (2 * Math.PI * k) / n), r * Math.sin(turn + (2 * Math.PI * k) / n));
  c.closePath();
}

function star(c, r, n) {
  for (let k = 0; k < 2 * n; k++) {
    const size = k % 2 ? r * 0.45 : r, turn = -Math.PI / 2 + (Math.PI * k) / n;
    c.lineTo(size * Math.cos(turn), size * Math.sin(turn));
  }
  c.closePath();
}

function bytes(text) {
  const raw = atob(text), out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out;
}

// One scale for all axes, so that the map keeps its shape; the middle of the box is 0.
function scaled(values, { low, high, dims: d }) {
  const span = Math.max(...high.map((top, k) => top - low[k])) || 1;
  return Float32Array.from(values, (v, i) => (2 * (v - (low[i % d] + high[i % d]) / 2)) / span);
}

// Back from 16 bits.
function unpacked(text, data) {
  const { low, high, dims: d } = data, whole = new Uint16Array(bytes(text).buffer);
  return scaled(Float64Array.from(whole, (v, i) => low[i % d] + (v / 65535) * (high[i % d] - low[i % d])), data);
}

export function mount({ data, parentElement, setStateValue }) {
  let map = maps.get(parentElement);
  if (!map) maps.set(parentElement, (map = new ScatterMap(parentElement)));
  map.report = (name, value) => setStateValue(name, value);
  map.update(data);
  return () => map.rest();
}

class ScatterMap {
  constructor(parent) {
    this.root = make("div", { class: "gl gl-map" }, parent);
    this.tools = make("div", { class: "gl-tools", role: "toolbar", "aria-label": "Map" }, this.root);
    this.buttons = {};
    for (const [mode, words] of Object.entries(MODES)) {
      const button = make("button", { type: "button" }, this.tools);
      button.textContent = words;
      button.addEventListener("click", () => this.choose(mode));
      this.buttons[mode] = button;
    }
    this.whole = make("button", { type: "button" }, this.tools);
    this.whole.textContent = "Whole map";
    this.whole.addEventListener("click", () => { this.fit(); this.draw(); });
    this.canvas = make("canvas", { class: "gl-scatter", tabindex: 0, role: "application", "aria-roledescription": "map" }, this.root);
    this.tip = make("div", { class: "gl-tip", hidden: "" }, this.root);
    this.picture = make("canvas", {}, this.tip);
    this.words = make("div", { "aria-live": "polite" }, this.tip);
    this.time = make("div", { class: "gl-time", hidden: "" }, this.root);
    this.play = make("button", { type: "button" }, this.time);
    this.slide = make("input", { type: "range", min: 0, step: "any", "aria-label": "Snapshot" }, this.time);
    this.step = make("output", {}, this.time);
    this.legend = make("div", { class: "gl-legend" }, this.root);
    this.zoom = 1; this.x = this.y = 0; this.yaw = 0.6; this.pitch = 0.35;
    this.clicks = 0; this.told = []; this.hover = -1; this.path = null; this.chosen = new Set(); this.at = 0;
    this.choose("move");
    this.listen();
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.canvas);
  }

  choose(mode) {
    this.mode = mode;
    for (const [name, button] of Object.entries(this.buttons)) button.setAttribute("aria-pressed", String(name === mode));
  }

  fit() { this.zoom = 1; this.x = this.y = 0; }

  update(data) {
    const other = !this.data || this.data.id !== data.id;
    this.data = data;
    if (other) { this.fit(); this.hover = -1; this.sheet = null; this.at = 0; this.told = []; this.hideTip(); }
    this.clicks = Math.max(this.clicks, data.clicks ?? 0);
    this.n = data.n; this.d = data.dims;
    this.frames = (data.frames ?? [data.xy]).map((text) => unpacked(text, data));
    this.level = bytes(data.colour);
    this.made = data.generated ? bytes(data.generated) : null;
    this.chosen = new Set(data.set ?? []);
    this.canvas.setAttribute("aria-label", data.words);
    this.time.hidden = this.frames.length < 2;
    this.slide.max = this.frames.length - 1;
    this.buttons.lasso.hidden = this.buttons.box.hidden = !data.pick;
    if (!data.pick) this.choose("move");
    this.stamps = null;
    if (other && data.sprites) this.fetchSheet();
    this.showLegend();
    this.moment(this.at);
  }

  // --- pictures ---

  async fetchSheet() {
    const sheet = new Image();
    sheet.src = new URL(this.data.sprites.url, document.baseURI);
    try { await sheet.decode(); } catch { return; }
    this.sheet = sheet;
    this.canvas.dataset.sheet = "1";
    if (this.hover >= 0) this.showTip();
  }

  showTip() {
    const row = this.hover, { sprites, names, values } = this.data;
    if (row < 0) return this.hideTip();
    this.picture.hidden = !(sprites && this.sheet);
    if (sprites && this.sheet) {
      const { columns, width, height } = sprites, scale = Math.max(1, Math.floor(TIP / width));
      this.picture.width = width; this.picture.height = height;
      this.picture.style.width = `${width * scale}px`;
      const c = this.picture.getContext("2d");
      c.drawImage(this.sheet, (row % columns) * width, Math.floor(row / columns) * height, width, height, 0, 0, width, height);
    }
    const kind = this.made?.[row] ? "generated" : names ? names[this.level[row]] : null;
    const value = values ? `${values.title} ≈ ${this.value(row)}` : null;
    this.words.textContent = [`point ${row}`, kind, value].filter(Boolean).join(" · ");
    this.tip.hidden = false;
    this.tip.dataset.row = row;
    const x = this.px[2 * row], y = this.px[2 * row + 1], box = this.tip.getBoundingClientRect();
    const left = x + 16 + box.width > this.width ? x - 16 - box.width : x + 16;
    this.tip.style.left = `${Math.max(0, left)}px`;
    this.tip.style.top = `${this.canvas.offsetTop + Math.max(0, Math.min(y - box.height / 2, this.height - box.height))}px`;
  }

  hideTip() { this.tip.hidden = true; delete this.tip.dataset.row; }

  value(row) {
    const { low, high } = this.data.values;
    return (low + (this.level[row] / 255) * (high - low)).toPrecision(3);
  }

  showLegend() {
    const { names, palette, values } = this.data;
    this.legend.replaceChildren();
    if (values) {
      const words = (v) => document.createTextNode(Number(v.toPrecision(3)).toString());
      const ramp = make("span", { class: "gl-ramp" });
      ramp.style.background = `linear-gradient(90deg, ${palette.join(",")})`;
      this.legend.append(document.createTextNode(values.title), words(values.low), ramp, words(values.high));
    }
    for (const [k, name] of (names ?? []).entries()) this.entry(name, (c) => this.mark(c, palette[k], k, false));
    if (this.made?.includes(1)) this.entry("generated", (c) => this.mark(c, values ? "#8a8a8a" : this.data.grey, 7, true));
  }

  entry(name, draw) {
    const span = make("span", {}, this.legend), icon = make("canvas", { width: 28, height: 28, "aria-hidden": "true" }, span);
    icon.style.width = icon.style.height = "14px";
    const c = icon.getContext("2d");
    c.translate(14, 14); c.scale(2, 2);
    draw(c);
    span.append(name);
  }

  mark(c, colour, shape, hollow) {
    c.beginPath();
    SHAPES[shape % SHAPES.length](c, 3.4);
    c.fillStyle = c.strokeStyle = colour;
    if (hollow) { c.lineWidth = 1.2; c.stroke(); } else c.fill();
  }

  // --- drawing ---

  moment(at) {
    this.at = Math.min(at, this.frames.length - 1);
    const k = Math.floor(this.at), t = this.at - k, a = this.frames[k], b = this.frames[Math.min(k + 1, this.frames.length - 1)];
    this.pos = t ? a.map((v, i) => v + t * (b[i] - v)) : a;
    this.slide.value = this.at;
    if (this.data.steps) this.step.textContent = `step ${this.data.steps[Math.round(this.at)].toLocaleString("en")}`;
    this.play.textContent = this.timer ? "Pause" : "Play";
    this.draw();
  }

  project() {
    const { n, d, pos } = this, half = Math.min(this.width, this.height) / 2 - MARGIN, s = half * this.zoom;
    const px = (this.px = this.px?.length === 2 * n ? this.px : new Float32Array(2 * n));
    const cy = Math.cos(this.yaw), sy = Math.sin(this.yaw), cp = Math.cos(this.pitch), sp = Math.sin(this.pitch);
    const put = (from, to, i) => {
      let u = from[d * i], v = from[d * i + 1];
      if (d === 3) {
        const w = from[3 * i + 2], a = cy * u + sy * w, b = cy * w - sy * u;
        u = a; v = cp * v - sp * b;
      }
      to[2 * i] = this.width / 2 + s * u + this.x;
      to[2 * i + 1] = this.height / 2 - s * v + this.y;
    };
    for (let i = 0; i < n; i++) put(pos, px, i);
    this.guests = (this.data.guests ?? []).map(({ letter, at }) => {
      const found = [0, 0];
      put(scaled(at, this.data), found, 0);
      return { letter, x: found[0], y: found[1] };
    });
  }

  makeStamps(ratio) {
    const { palette, names } = this.data, count = names ? palette.length : LEVELS;
    this.stamps = [];
    for (const hollow of [false, true])
      for (let k = 0; k < count; k++) {
        const stamp = document.createElement("canvas");
        stamp.width = stamp.height = Math.ceil(12 * ratio);
        const c = stamp.getContext("2d");
        c.scale(ratio, ratio); c.translate(6, 6);
        const colour = names ? palette[k] : palette[Math.round((k / (LEVELS - 1)) * (palette.length - 1))];
        this.mark(c, hollow && names ? this.data.grey : colour, hollow ? 7 : names ? k : 0, hollow);
        this.stamps.push(stamp);
      }
    this.kinds = count;
  }

  draw() {
    if (!this.data || this.planned) return;
    this.planned = requestAnimationFrame(() => { this.planned = 0; this.paint(); });
  }

  paint() {
    const { canvas, data } = this, ratio = window.devicePixelRatio || 1;
    this.width = canvas.clientWidth; this.height = canvas.clientHeight;
    if (!this.width) return;
    const wide = Math.round(this.width * ratio), high = Math.round(this.height * ratio);
    if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; this.stamps = null; }
    if (!this.stamps) this.makeStamps(ratio);
    const begun = performance.now(), c = canvas.getContext("2d");
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, this.width, this.height);
    this.project();
    const { px, n, level, made, stamps, kinds, chosen } = this;
    c.globalAlpha = n > 3000 ? 0.6 : 0.85;
    const some = chosen.size > 0, base = c.globalAlpha;
    for (let i = 0; i < n; i++) {
      const x = px[2 * i], y = px[2 * i + 1];
      if (x < -6 || y < -6 || x > this.width + 6 || y > this.height + 6) continue;
      if (some) c.globalAlpha = chosen.has(i) ? 1 : 0.18;
      const kind = data.names ? level[i] : Math.round((level[i] / 255) * (LEVELS - 1));
      c.drawImage(stamps[(made?.[i] ? kinds : 0) + kind], x - 6, y - 6, 12, 12);
    }
    c.globalAlpha = 1;
    const text = getComputedStyle(this.root).color;
    c.strokeStyle = c.fillStyle = text;
    c.font = "600 13px sans-serif";
    for (const [letter, row] of Object.entries(data.marks ?? {})) {
      if (!(row >= 0 && row < n)) continue;
      c.lineWidth = 2;
      c.beginPath(); c.arc(px[2 * row], px[2 * row + 1], 8, 0, 7); c.stroke();
      c.fillText(letter, px[2 * row] + 10, px[2 * row + 1] - 6);
    }
    // A guest beyond the edge of the canvas is shown at the edge.
    for (const { letter, x, y } of this.guests) {
      const u = Math.min(this.width - 22, Math.max(10, x)), v = Math.min(this.height - 10, Math.max(16, y));
      c.save();
      c.translate(u, v);
      c.beginPath();
      poly(c, 8, 4, 0);
      c.fill();
      c.fillText(letter, 10, -6);
      c.restore();
    }
    if (this.hover >= 0 && this.hover < n) {
      c.lineWidth = 1.5;
      c.beginPath(); c.arc(px[2 * this.hover], px[2 * this.hover + 1], 6, 0, 7); c.stroke();
    }
    if (this.path) {
      c.lineWidth = 1.5; c.setLineDash([4, 3]);
      c.beginPath();
      for (const [x, y] of this.outline()) c.lineTo(x, y);
      c.closePath(); c.stroke(); c.setLineDash([]);
    }
    if (data.axes && this.d === 2) { c.font = "11px sans-serif"; c.fillText(data.axes[0], this.width - 34, this.height - 8); c.fillText(data.axes[1], 6, 16); }
    if (data.quality) { c.font = "11px sans-serif"; c.fillText(data.quality, this.width - c.measureText(data.quality).width - 8, 14); }
    canvas.dataset.points = n;
    canvas.dataset.took = (performance.now() - begun).toFixed(1);
    canvas.dataset.map = data.id;
    canvas.dataset.guests = this.guests.map(({ letter, x, y }) => `${letter} ${x.toFixed(1)} ${y.toFixed(1)}`).join(";");
    canvas.dataset.set = chosen.size;
  }

  outline() {
    if (this.mode !== "box" || this.path.length < 2) return this.path;
    const [a, b] = [this.path[0], this.path[this.path.length - 1]];
    return [a, [b[0], a[1]], b, [a[0], b[1]]];
  }

  // --- the hand ---

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({ preventScroll: true });
      this.from = this.last = this.place(event);
      this.moved = false;
      if (this.mode !== "move") this.path = [this.from];
    });
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", () => { this.from = this.path = null; this.draw(); });
    canvas.addEventListener("pointerleave", () => { if (!this.from) { this.hover = -1; this.hideTip(); this.draw(); } });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomAt(this.place(event), Math.exp(-event.deltaY * 0.0015));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    this.slide.addEventListener("input", () => { this.halt(); this.moment(Number(this.slide.value)); });
    this.play.addEventListener("click", () => (this.timer ? this.halt() : this.go()));
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  nearest([x, y], most = NEAR) {
    let found = -1, least = most * most;
    for (let i = 0; i < this.n; i++) {
      const d = (this.px[2 * i] - x) ** 2 + (this.px[2 * i + 1] - y) ** 2;
      if (d < least) { least = d; found = i; }
    }
    return found;
  }

  move(event) {
    if (!this.px) return;
    const at = this.place(event);
    if (!this.from) {
      const row = this.nearest(at);
      if (row !== this.hover) { this.hover = row; this.draw(); this.showTip(); }
      return;
    }
    if (Math.hypot(at[0] - this.from[0], at[1] - this.from[1]) > 4) this.moved = true;
    if (this.path) this.path.push(at);
    else if (this.moved) {
      const dx = at[0] - this.last[0], dy = at[1] - this.last[1];
      if (this.d === 3 && !event.shiftKey) { this.yaw += dx * 0.008; this.pitch += dy * 0.008; } else { this.x += dx; this.y += dy; }
      this.hideTip();
    }
    this.last = at;
    this.draw();
  }

  up(event) {
    if (!this.from) return;
    const at = this.place(event), path = this.path && this.moved ? this.outline() : null;
    this.from = this.path = null;
    if (path) this.select(path);
    else if (!this.moved) this.click(at);
    this.draw();
  }

  click(at) {
    const row = this.nearest(at);
    if (row >= 0) return this.send({ row });
    if (!this.data.spots || this.d !== 2) return;
    const s = (Math.min(this.width, this.height) / 2 - MARGIN) * this.zoom, { low, high } = this.data;
    const span = Math.max(high[0] - low[0], high[1] - low[1]) || 1;
    const u = (at[0] - this.width / 2 - this.x) / s, v = -(at[1] - this.height / 2 - this.y) / s;
    this.send({ spot: [(low[0] + high[0]) / 2 + (u * span) / 2, (low[1] + high[1]) / 2 + (v * span) / 2] });
  }

  send(what) {
    this.clicks = Math.max(this.clicks + 1, Date.now());
    this.told = [...this.told, { ...what, n: this.clicks }].slice(-TOLD);
    this.report("clicks", this.told);
  }

  select(path) {
    const rows = [];
    for (let i = 0; i < this.n; i++) if (inside(this.px[2 * i], this.px[2 * i + 1], path)) rows.push(i);
    this.chosen = new Set(rows);
    this.report("set", { rows });
  }

  zoomAt([x, y], factor) {
    const zoom = Math.min(200, Math.max(0.3, this.zoom * factor)), k = zoom / this.zoom;
    this.x = x - this.width / 2 - (x - this.width / 2 - this.x) * k;
    this.y = y - this.height / 2 - (y - this.height / 2 - this.y) * k;
    this.zoom = zoom;
    this.hideTip();
    this.draw();
  }

  key(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }, way = ways[event.key];
    const middle = [this.width / 2, this.height / 2];
    if (way && event.shiftKey) { this.x -= 40 * way[0]; this.y -= 40 * way[1]; }
    else if (way) { this.hover = this.towards(way); this.draw(); requestAnimationFrame(() => this.showTip()); }
    else if (event.key === "+" || event.key === "=") this.zoomAt(middle, 1.3);
    else if (event.key === "-") this.zoomAt(middle, 1 / 1.3);
    else if (event.key === "0") this.fit();
    else if ((event.key === "Enter" || event.key === " ") && this.hover >= 0) this.send({ row: this.hover });
    else if (event.key === "Escape") { this.hover = -1; this.hideTip(); if (this.chosen.size) { this.chosen = new Set(); this.report("set", { rows: [] }); } }
    else return;
    event.preventDefault();
    this.draw();
  }

  // The next point in a direction: near, and not far off the line.
  towards([dx, dy]) {
    if (this.hover < 0) return this.nearest([this.width / 2, this.height / 2], Infinity);
    const x = this.px[2 * this.hover], y = this.px[2 * this.hover + 1];
    let found = this.hover, least = Infinity;
    for (let i = 0; i < this.n; i++) {
      const u = this.px[2 * i] - x, v = this.px[2 * i + 1] - y, along = u * dx + v * dy, off = Math.abs(u * dy) + Math.abs(v * dx);
      if (along > 1 && along + 2 * off < least) { least = along + 2 * off; found = i; }
    }
    return found;
  }

  // --- time ---

  go() {
    if (this.at >= this.frames.length - 1) this.at = 0;
    let last = performance.now();
    const tick = (now) => {
      const next = this.at + (now - last) / 600;
      last = now;
      if (next >= this.frames.length - 1) this.timer = 0;
      else this.timer = requestAnimationFrame(tick);
      this.moment(next);
    };
    this.timer = requestAnimationFrame(tick);
    this.moment(this.at);
  }

  halt() { cancelAnimationFrame(this.timer); this.timer = 0; this.moment(this.at); }

  rest() { if (this.timer) this.halt(); }
}

// Even-odd rule: how often a ray to the right crosses the outline.
function inside(x, y, path) {
  let odd = false;
  for (let i = 0, j = path.length - 1; i < path.length; j = i++) {
    const [xi, yi] = path[i], [xj, yj] = path[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
  }
  return odd;
}
