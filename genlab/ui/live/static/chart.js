// A line chart in SVG. Its nodes are made once and changed in place: new points, zoom, time marker and
// theme never replace them. Colours are CSS variables, so the theme needs no redraw.

const NS = "http://www.w3.org/2000/svg";
const LEFT = 50, RIGHT = 10, TOP = 10, BOTTOM = 36, HEIGHT = 240, FEW = 40;
export const DASHES = ["", "7 4", "2 3", "9 3 2 3", "4 2", "1 2"];
let serial = 0;

export function make(tag, attributes = {}, parent = null, text = null) {
  const svg = ["svg", "path", "line", "g", "text", "tspan", "rect", "circle", "clipPath", "defs"].includes(tag);
  const node = svg ? document.createElementNS(NS, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== null) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

export function short(value) {
  if (value === null || value === undefined) return "not finite";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2).replace(/\.?0+e/, "e");
  return String(+value.toPrecision(4));
}

export function ticks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(k === 0 ? 0 : k * step);
  return found;
}

// Index of the last entry of a sorted array that is not above the value; -1 where there is none.
export function floorIndex(sorted, value) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1; else high = middle;
  }
  return low - 1;
}

// The words of a level with its number, which some labels say themselves.
function worded(label, value) {
  const told = label.replace(/,(?=\d{3})/g, "").match(/-?\d+(\.\d+)?/g) ?? [];
  if (told.some((number) => Math.abs(number - value) <= 5e-3 * Math.abs(value))) return label;
  return `${label}${label.includes("=") ? ":" : " ="} ${short(value)}`;
}

// Places that are a gap apart at least and as near as may be to those wanted, in the same order, within the range.
export function apart(wanted, low, high, gap) {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b]);
  const step = Math.min(gap, (high - low) / Math.max(1, order.length - 1)), found = [];
  let least = low;
  for (const i of order) { found[i] = Math.max(wanted[i], least); least = found[i] + step; }
  let most = high;
  for (const i of order.reverse()) { found[i] = Math.min(found[i], most); most = found[i] - step; }
  return found;
}

// The value at x, straight between the known points; that of the nearest end outside.
export function between(xs, ys, x) {
  if (!xs.length) return 0;
  const i = floorIndex(xs, x);
  if (i < 0) return ys[0];
  if (i + 1 >= xs.length) return ys[ys.length - 1];
  return ys[i] + ((ys[i + 1] - ys[i]) * (x - xs[i])) / (xs[i + 1] - xs[i] || 1);
}

export class Chart {
  // spec: {key, title, note}; on: {zoom(range or null), pick(step)}
  constructor(parent, spec, on) {
    this.on = on;
    this.traces = new Map();
    this.events = [];
    this.zoom = null;
    this.marker = null;
    this.extent = [0, 1];
    this.width = 0;
    // Another clock than the steps: (line's id, step) => where that is on the axis.
    this.along = null;
    const id = `gl-clip-${++serial}`;
    this.card = make("section", { class: "gl-card gl-chart", "data-chart": spec.key, "aria-label": spec.title }, parent);
    const head = make("header", {}, this.card);
    make("h3", {}, head, spec.title);
    const tools = make("span", { class: "gl-tools" }, head);
    this.reset = make("button", { type: "button", class: "gl-small", hidden: "" }, tools, "Reset zoom");
    this.log = make("button", { type: "button", class: "gl-small", hidden: "", "aria-pressed": "false", title: "logarithmic scale; it has no place for 0 and below" }, tools, "log");
    this.note = make("p", { class: "gl-note" }, this.card, spec.note);
    this.box = make("div", { class: "gl-plot" }, this.card);
    this.svg = make("svg", {
      tabindex: "0", role: "img", height: HEIGHT,
      "aria-label": `${spec.title}. Arrow keys read the values, plus and minus zoom, Enter moves the time slider.`,
    }, this.box);
    this.clip = make("rect", { y: 0, height: HEIGHT }, make("clipPath", { id }, make("defs", {}, this.svg)));
    this.grid = make("g", { class: "gl-grid" }, this.svg);
    this.data = make("g", { "clip-path": `url(#${id})` }, this.svg);
    this.truths = make("g", { "clip-path": `url(#${id})` }, this.svg);
    this.marks = make("g", { "clip-path": `url(#${id})` }, this.svg);
    this.time = make("line", { class: "gl-time", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" }, this.svg);
    this.guide = make("line", { class: "gl-guide", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" }, this.svg);
    this.brush = make("rect", { class: "gl-brush", y: TOP, height: HEIGHT - TOP - BOTTOM, visibility: "hidden" }, this.svg);
    this.tip = make("div", { class: "gl-tip", "aria-live": "polite", hidden: "" }, this.box);
    this.legend = make("div", { class: "gl-legend" }, this.card);
    this.watchSize = new ResizeObserver(() => this.draw());
    this.watchSize.observe(this.box);
    this.listen();
  }

  listen() {
    const { svg } = this;
    let from = null;
    const place = (event) => event.clientX - svg.getBoundingClientRect().left;
    svg.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      from = place(event);
      if (event.pointerType === "mouse") svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      const x = place(event);
      this.read(this.stepAt(x));
      if (from !== null && event.pointerType === "mouse" && Math.abs(x - from) > 4) {
        this.brush.setAttribute("visibility", "visible");
        this.brush.setAttribute("x", Math.min(from, x));
        this.brush.setAttribute("width", Math.abs(x - from));
      }
    });
    svg.addEventListener("pointerup", (event) => {
      if (from === null) return;
      const x = place(event), a = this.stepAt(Math.min(from, x)), b = this.stepAt(Math.max(from, x));
      this.brush.setAttribute("visibility", "hidden");
      if (Math.abs(x - from) > 8 && event.pointerType === "mouse") this.on.zoom([a, b]);
      else this.on.pick(this.along ? a : Math.round(a));
      from = null;
    });
    svg.addEventListener("pointercancel", () => { from = null; });
    svg.addEventListener("pointerleave", () => this.read(null));
    svg.addEventListener("blur", () => this.read(null));
    svg.addEventListener("dblclick", () => this.on.zoom(null));
    this.reset.addEventListener("click", () => this.on.zoom(null));
    this.log.addEventListener("click", () => {
      this.log.setAttribute("aria-pressed", String(this.log.getAttribute("aria-pressed") !== "true"));
      this.draw();
    });
    svg.addEventListener("keydown", (event) => {
      const [low, high] = this.range();
      const at = this.cursor ?? high;
      const by = (high - low) / 40;
      if (event.key === "ArrowLeft") this.read(Math.max(low, at - by));
      else if (event.key === "ArrowRight") this.read(Math.min(high, at + by));
      else if (event.key === "Enter") this.on.pick(this.along ? at : Math.round(at));
      else if (event.key === "+" || event.key === "=") this.on.zoom([at - (at - low) / 2, at + (high - at) / 2]);
      else if (event.key === "-" || event.key === "Escape") this.on.zoom(null);
      else return;
      event.preventDefault();
    });
  }

  // A line: {title, note, colour, dash, truth, truthLabel}; colour is a CSS value.
  line(id, about) {
    let trace = this.traces.get(id);
    if (!trace) {
      trace = { x: [], y: [], at: [], hidden: false, path: make("path", { class: "gl-line" }, this.data) };
      trace.path.dataset.series = id;
      trace.button = make("button", { type: "button", "aria-pressed": "true" }, this.legend);
      trace.button.addEventListener("click", () => {
        trace.hidden = !trace.hidden;
        trace.button.setAttribute("aria-pressed", String(!trace.hidden));
        this.draw();
      });
      this.traces.set(id, trace);
    }
    trace.about = about;
    trace.path.style.stroke = about.colour;
    trace.path.setAttribute("stroke-dasharray", about.dash || "none");
    trace.button.replaceChildren();
    const key = make("svg", { width: 22, height: 8, "aria-hidden": "true" }, trace.button);
    const stroke = make("line", { class: "gl-line", x1: 0, x2: 22, y1: 4, y2: 4, "stroke-dasharray": about.dash || "none" }, key);
    stroke.style.stroke = about.colour;
    const words = make("span", {}, trace.button, about.title);
    trace.value = make("b", {}, null, trace.value?.textContent ?? "");
    if (about.note) { words.append(" "); make("small", {}, words, about.note); }
    words.append(" ", trace.value);
    return trace;
  }

  // New points; where they go back in time (a resumed run), what they go over again is replaced.
  extend(id, steps, values) {
    const trace = this.traces.get(id);
    if (!trace) return;
    const { x, y } = trace;
    if (x.length && steps.length && steps[0] <= x[x.length - 1]) {
      const keep = floorIndex(x, steps[0] - 1) + 1;
      x.length = keep;
      y.length = keep;
    }
    for (let i = 0; i < steps.length; i++) { x.push(steps[i]); y.push(values[i]); }
  }

  clear(prefix) {
    for (const [id, { x, y }] of this.traces) if (id.startsWith(prefix)) x.length = y.length = 0;
  }

  range() { return this.zoom ?? this.extent; }
  setZoom(range) { this.zoom = range && range[1] > range[0] ? range : null; this.draw(); }
  inner() { return Math.max(40, this.width - LEFT - RIGHT); }
  px(step) { const [a, b] = this.range(); return LEFT + ((step - a) / (b - a || 1)) * this.inner(); }
  py(v, bottom, top) { return HEIGHT - BOTTOM - ((v - bottom) / (top - bottom)) * (HEIGHT - TOP - BOTTOM); }
  stepAt(px) {
    const [a, b] = this.range();
    return Math.min(b, Math.max(a, a + ((px - LEFT) / this.inner()) * (b - a)));
  }

  // Each line's value at the step shown, or its last one, stands in the legend: what a run came to can be read.
  tell() {
    for (const { at, y, value } of this.traces.values()) {
      const i = this.marker === null ? at.length - 1 : floorIndex(at, this.marker);
      const words = i < 0 ? "" : `= ${short(y[i])}`;
      if (value.textContent !== words) value.textContent = words;
    }
  }

  setMarker(step) {
    this.marker = step;
    const [a, b] = this.range();
    const seen = step !== null && step >= a && step <= b;
    this.time.setAttribute("visibility", seen ? "visible" : "hidden");
    if (seen) { this.time.setAttribute("x1", this.px(step)); this.time.setAttribute("x2", this.px(step)); }
    this.tell();
  }

  read(step) {
    this.cursor = step;
    const off = step === null || !this.traces.size;
    this.guide.setAttribute("visibility", off ? "hidden" : "visible");
    this.tip.hidden = off;
    if (off) return;
    this.tip.replaceChildren();
    let near = null;
    for (const trace of this.traces.values()) {
      const { at } = trace;
      if (trace.hidden || !at.length) continue;
      let i = Math.max(0, floorIndex(at, step));
      if (i + 1 < at.length && at[i + 1] - step < step - at[i]) i++;
      if (near === null || Math.abs(at[i] - step) < Math.abs(near - step)) near = at[i];
      const row = make("div", {}, this.tip);
      make("i", {}, row).style.background = trace.about.colour;
      make("span", {}, row, trace.about.title);
      make("b", {}, row, short(trace.y[i]));
    }
    if (near === null) { this.tip.hidden = true; return; }
    this.tip.prepend(make("div", { class: "gl-tip-step" }, null, this.along ? `${short(near)} s` : `step ${near.toLocaleString("en")}`));
    const x = this.px(near);
    this.guide.setAttribute("x1", x);
    this.guide.setAttribute("x2", x);
    const right = x > this.width / 2;
    this.tip.style.left = right ? "" : `${x + 10}px`;
    this.tip.style.right = right ? `${this.width - x + 10}px` : "";
  }

  // The span of the values at the steps in view, truth lines included, on the scale in use.
  span(low, high) {
    const values = [];
    let offered = false;
    for (const { at: x, y, hidden, about } of this.traces.values()) {
      if (hidden) continue;
      const start = Math.max(0, floorIndex(x, low)), stop = Math.min(x.length, floorIndex(x, high) + 2);
      const seen = y.slice(start, stop).filter((v) => v !== null);
      // A line beside it may have no place there: a bound says nothing at first.
      if (seen.length && seen.every((v) => v > 0)) offered = true;
      values.push(...seen);
      if (x.length && about.truth !== null && about.truth !== undefined) values.push(about.truth);
    }
    this.log.hidden = !offered;
    const log = !this.log.hidden && this.log.getAttribute("aria-pressed") === "true";
    this.scale = log ? Math.log10 : (v) => v;
    let bottom = Infinity, top = -Infinity;
    for (const v of log ? values.filter((v) => v > 0) : values) { bottom = Math.min(bottom, v); top = Math.max(top, v); }
    if (bottom > top) return [0, 1];
    [bottom, top] = [this.scale(bottom), this.scale(top)];
    const pad = (top - bottom) * 0.06 || Math.abs(top) * 0.1 || 0.5;
    return [bottom - pad, top + pad];
  }

  draw() {
    this.width = this.box.clientWidth;
    if (!this.width) return;
    let count = 0;
    for (const [id, trace] of this.traces) {
      count += trace.x.length;
      trace.at = this.along ? trace.x.map((step) => this.along(id, step)) : trace.x;
    }
    const [a, b] = this.range(), [bottom, top] = this.span(a, b);
    const py = (v) => this.py(this.scale(v), bottom, top);
    this.svg.setAttribute("width", this.width);
    this.svg.dataset.points = count;
    this.svg.dataset.range = this.zoom ? `${a},${b}` : "";
    this.reset.hidden = !this.zoom;
    this.clip.setAttribute("x", LEFT - 3);
    this.clip.setAttribute("width", this.inner() + 6);
    this.axes(a, b, bottom, top);
    this.truths.replaceChildren();
    const labels = new Map();
    for (const { at: x, y, path, hidden, about } of this.traces.values()) {
      path.setAttribute("d", hidden ? "" : this.route(x, y, py));
      if (hidden || !x.length || about.truth === null || about.truth === undefined) continue;
      if (about.truth <= 0 && this.scale === Math.log10) continue;
      const words = worded(about.truthLabel || "truth", about.truth);
      const at = py(about.truth);
      make("line", { class: "gl-truth", x1: LEFT, x2: this.width - RIGHT, y1: at, y2: at }, this.truths).style.stroke = about.colour;
      // Lines of one level share their words, and each is seen beside them.
      const label = labels.get(words) ?? { at, colours: [] };
      labels.set(words, { at, colours: [...label.colours, about.colour] });
    }
    const places = apart([...labels.values()].map(({ at }) => (at < TOP + 16 ? at + 13 : at - 4)), TOP + 12, HEIGHT - BOTTOM - 3, 13);
    [...labels].forEach(([words, { colours }], i) => {
      const text = make("text", { class: "gl-label", x: this.width - RIGHT - 4, y: places[i], "text-anchor": "end" }, this.truths);
      for (const colour of new Set(colours)) make("tspan", {}, text, "\u2501").style.fill = colour;
      make("tspan", {}, text, ` ${words}`);
    });
    this.marks.replaceChildren();
    for (const event of this.events) {
      const x = this.px(event.at ?? event.step);
      make("line", { class: `gl-event gl-${event.level}`, x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM }, this.marks);
      if (!event.label) continue;
      const right = x > this.width / 2;
      make("text", { class: "gl-label gl-event-label", x: right ? x - 4 : x + 4, y: TOP + 12, "text-anchor": right ? "end" : "start" }, this.marks, event.label);
    }
    this.setMarker(this.marker);
    if (this.cursor !== null && this.cursor !== undefined && !this.tip.hidden) this.read(this.cursor);
  }

  route(x, y, py) {
    let d = "", rings = "", pen = false;
    for (let i = 0; i < x.length; i++) {
      if (y[i] === null || (y[i] <= 0 && this.scale === Math.log10)) { pen = false; continue; }
      const at = `${this.px(x[i]).toFixed(1)} ${py(y[i]).toFixed(1)}`;
      d += `${pen ? "L" : "M"}${at}`;
      pen = true;
      // Few readings: each is shown, so that nobody takes the line between them for data.
      if (x.length <= FEW) rings += `M${at}m-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0`;
    }
    return d + rings;
  }

  axes(a, b, bottom, top) {
    this.grid.replaceChildren();
    const log = this.scale === Math.log10;
    for (const v of ticks(bottom, top, 5)) {
      const y = this.py(v, bottom, top);
      make("line", { x1: LEFT, x2: this.width - RIGHT, y1: y, y2: y }, this.grid);
      make("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, this.grid, short(log ? 10 ** v : v));
    }
    make("text", { x: this.width - RIGHT, y: HEIGHT - 4, "text-anchor": "end" }, this.grid, this.along ? "seconds of training" : "step");
    for (const s of ticks(a, b, Math.max(2, Math.floor(this.inner() / 80)))) {
      if (s !== Math.round(s) && !this.along) continue;
      make("text", { x: this.px(s), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" }, this.grid, s.toLocaleString("en"));
    }
  }

  close() { this.watchSize.disconnect(); this.card.remove(); }
}
