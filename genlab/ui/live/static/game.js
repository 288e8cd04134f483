// What a game of two players has besides: the gap map, the ledger of divergences, the reliability diagram.
// Each is made once for a cell and drawn again for every step, so that nothing flickers.

import { make, short } from "./chart.js";
import { Paper, pixels, scale } from "./paper.js";

const UNKNOWN = 255, BESIDE = 540, LARGEST = 440;
// Fields about a half, the value at which nobody can tell; the others go from nothing to much.
const ABOUT_A_HALF = new Set(["d", "truth"]);
const LAYERS = { points: "Points", arrows: "Arrows", grid: "Warped grid" };

// {box, axes, cells, fields: {name: {title, low, high, z}}, real, fake, arrows, grid, distance, floor, n}
export class Gap {
  constructor(cell) {
    this.cell = cell;
    this.on = { points: true, arrows: true, grid: false };
    this.tools = make("div", { class: "gl-tools gl-choose" }, cell.figure);
    this.views = make("span", { role: "group", "aria-label": "Which map" }, this.tools);
    this.layers = make("span", { role: "group", "aria-label": "What lies over the maps" }, this.tools);
    this.buttons = {};
    for (const [name, title] of Object.entries(LAYERS)) {
      this.buttons[name] = this.button(this.layers, title, () => { this.on[name] = !this.on[name]; });
    }
  }

  button(parent, title, press) {
    const button = make("button", { type: "button", class: "gl-small" }, parent, title);
    button.addEventListener("click", () => { press(); this.draw(this.about); });
    return button;
  }

  // The maps there are, and which of them are shown: all where there is room, unless one was chosen.
  choose(about, width) {
    const names = Object.keys(about.fields), room = width >= BESIDE && names.length > 1;
    if (this.known !== names.join()) {
      this.known = names.join();
      this.view = null;
      this.views.replaceChildren();
      this.choices = new Map();
      if (names.length > 1) {
        for (const name of ["all", ...names]) {
          const title = name === "all" ? "Side by side" : about.fields[name].title.split(" = ")[0];
          this.choices.set(name, this.button(this.views, title, () => { this.view = name; }));
        }
      }
    }
    let view = this.view ?? (room ? "all" : names[0]);
    if (view === "all" && !room) view = names[0];
    if (this.choices.size) this.choices.get("all").hidden = !room;
    for (const [name, button] of this.choices) button.setAttribute("aria-pressed", String(name === view));
    for (const [name, button] of Object.entries(this.buttons)) {
      button.setAttribute("aria-pressed", String(this.on[name]));
      button.hidden = name !== "points" && !(about[name] ?? []).length;
    }
    return view === "all" ? names : [view];
  }

  draw(about) {
    this.about = about;
    const { cell } = this, dark = cell.dark;
    for (const field of Object.values(about.fields)) field.bytes ??= Uint8Array.from(atob(field.z), (c) => c.charCodeAt(0));
    const left = 34, between = 16, right = 6, top = 22, foot = 50;
    let names, side;
    const paper = cell.paper((width) => {
      names = this.choose(about, width);
      side = Math.min(LARGEST, (width - left - right - between * (names.length - 1)) / names.length);
      return top + side + foot;
    });
    cell.canvas.classList.add("gl-full");
    cell.canvas.setAttribute("aria-label", `${about.title}. ${about.note ?? ""}`);
    cell.canvas.dataset.maps = names.length;
    const [[x0, y0], [x1, y1]] = about.box, colours = cell.colours();
    this.maps = names.map((name, place) => {
      const field = about.fields[name];
      const map = new Paper(paper.pen, paper.width, paper.height, paper.ink);
      map.left = left + place * (side + between);
      map.right = paper.width - map.left - side;
      map.top = top;
      map.bottom = foot;
      map.span([x0, x1], [y0, y1], true);
      map.field = field;
      const kind = ABOUT_A_HALF.has(name) ? "diverging" : "sequential", colour = scale(kind, dark);
      const shares = Array.from(field.bytes, (byte) => (byte === UNKNOWN ? null : byte / 254));
      const { pen } = map;
      pen.imageSmoothingEnabled = false;
      pen.drawImage(pixels(shares, about.cells, colour), map.px(x0), map.py(y1), map.px(x1) - map.px(x0), map.py(y0) - map.py(y1));
      map.axes({ yticks: place === 0 });
      pen.fillStyle = map.ink;
      pen.font = "600 12px sans-serif";
      pen.textAlign = "left";
      pen.fillText(field.title, map.left, 14);
      pen.font = "11px sans-serif";
      this.overlay(map, about, colours, place === 0 || names.length === 1);
      this.ramp(map, field, colour, side);
      return map;
    });
    if (!this.readout) {
      this.readout = make("p", { class: "gl-note gl-readout" });
      cell.canvas.after(this.readout);
      cell.canvas.addEventListener("pointermove", (event) => this.read(event));
      cell.canvas.addEventListener("pointerleave", () => { this.readout.textContent = this.summary(); });
    }
    this.readout.textContent = this.summary();
    const keys = [];
    if (this.on.points) keys.push(["data, held-out", paper.ink, "gl-plus"], ["generated", colours[2]]);
    if (this.on.arrows && about.arrows.length) keys.push([`arrows: where the generator's loss pushes its points, to scale; the longest is ${short(about.push)} per data unit`, null]);
    if (this.on.grid && about.grid.length) keys.push(["lines: the generator applied to a regular grid of codes", null]);
    cell.key(keys);
  }

  // The legend of a field: its colours from the lowest to the highest value.
  ramp(map, field, colour, side) {
    const { pen } = map, wide = Math.min(side, 150), y = map.height - 24;
    for (let i = 0; i < wide; i++) {
      pen.fillStyle = `rgb(${colour(i / (wide - 1))})`;
      pen.fillRect(map.left + i, y, 1.5, 8);
    }
    pen.strokeStyle = map.ink;
    pen.globalAlpha = 0.3;
    pen.strokeRect(map.left, y, wide, 8);
    pen.globalAlpha = 0.72;
    pen.fillStyle = map.ink;
    [[0, "left"], [0.5, "center"], [1, "right"]].forEach(([share, align]) => {
      pen.textAlign = align;
      pen.fillText(short(field.low + share * (field.high - field.low)), map.left + share * wide, y + 20);
    });
    pen.globalAlpha = 1;
  }

  // Points, and on the first map (there the gradient comes from) the arrows and the warped grid.
  overlay(map, about, colours, first) {
    const { pen } = map, back = this.cell.dark ? "#000" : "#fff";
    pen.save();
    pen.beginPath();
    pen.rect(map.px(map.x0), map.py(map.y1), map.px(map.x1) - map.px(map.x0), map.py(map.y0) - map.py(map.y1));
    pen.clip();
    pen.lineJoin = "round";
    if (first && this.on.grid) {
      pen.strokeStyle = map.ink;
      pen.lineWidth = 1;
      pen.globalAlpha = 0.5;
      for (const line of about.grid) {
        pen.beginPath();
        line.forEach(([x, y], i) => pen[i ? "lineTo" : "moveTo"](map.px(x), map.py(y)));
        pen.stroke();
      }
      pen.globalAlpha = 1;
    }
    if (this.on.points) {
      pen.lineWidth = 1.1;
      pen.strokeStyle = map.ink;
      pen.globalAlpha = 0.6;
      for (const [x, y] of about.real) {
        const a = map.px(x), b = map.py(y);
        map.stroke(a - 2.5, b, a + 2.5, b);
        map.stroke(a, b - 2.5, a, b + 2.5);
      }
      pen.globalAlpha = 1;
    }
    if (first && this.on.arrows) {
      about.arrows.forEach(([dx, dy], i) => {
        const [x, y] = about.fake[i];
        arrow(pen, map.px(x), map.py(y), map.px(x + dx), map.py(y + dy), map.ink, back);
      });
    }
    if (this.on.points) {
      pen.fillStyle = colours[2];
      pen.strokeStyle = back;
      pen.lineWidth = 0.8;
      for (const [x, y] of about.fake) {
        pen.beginPath();
        pen.arc(map.px(x), map.py(y), 2.6, 0, 2 * Math.PI);
        pen.fill();
        pen.stroke();
      }
    }
    pen.restore();
  }

  summary() {
    const { distance, floor, n } = this.about;
    if (distance === null) return "";
    const least = floor === null ? "" : `; D* itself would score ${short(floor)}${n ? `, as q is counted from ${n.toLocaleString("en")} samples` : ""}`;
    return `mean |D − D*| = ${short(distance)}${least}`;
  }

  // The values under the pointer, of every field.
  read(event) {
    const box = this.cell.canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const map = this.maps.find((one) => x >= one.px(one.x0) && x < one.px(one.x1) && y > one.py(one.y1) && y <= one.py(one.y0));
    const { about } = this;
    if (!map) { this.readout.textContent = this.summary(); return; }
    const [[x0, y0], [x1, y1]] = about.box, n = about.cells;
    const u = map.x0 + ((x - map.px(map.x0)) / (map.px(map.x1) - map.px(map.x0))) * (map.x1 - map.x0);
    const v = map.y0 + ((y - map.py(map.y0)) / (map.py(map.y1) - map.py(map.y0))) * (map.y1 - map.y0);
    const column = Math.floor(((u - x0) / (x1 - x0)) * n), row = Math.floor(((v - y0) / (y1 - y0)) * n);
    if (column < 0 || row < 0 || column >= n || row >= n) { this.readout.textContent = this.summary(); return; }
    const words = Object.values(about.fields).map(({ title, bytes, low, high }) => {
      const byte = bytes[row * n + column];
      return `${title.split(" = ")[0]}: ${byte === UNKNOWN ? "unknown" : (low + ((high - low) * byte) / 254).toPrecision(2)}`;
    });
    this.readout.textContent = `at (${u.toFixed(2)}, ${v.toFixed(2)}) — ${words.join(", ")}`;
  }
}

function arrow(pen, xa, ya, xb, yb, ink, back) {
  const length = Math.hypot(xb - xa, yb - ya);
  if (!(length > 1)) return;
  const head = Math.min(5, 0.5 * length), along = Math.atan2(yb - ya, xb - xa);
  const draw = () => {
    pen.beginPath();
    pen.moveTo(xa, ya);
    pen.lineTo(xb, yb);
    for (const turn of [2.6, -2.6]) {
      pen.moveTo(xb, yb);
      pen.lineTo(xb + head * Math.cos(along + turn), yb + head * Math.sin(along + turn));
    }
    pen.stroke();
  };
  // A rim of the page's colour keeps an arrow readable on every field.
  [[back, 3], [ink, 1.4]].forEach(([colour, wide]) => { pen.strokeStyle = colour; pen.lineWidth = wide; draw(); });
}

const LOWEST = -3, HIGHEST = 2;
const told = (value) => (value === "infinite" ? "∞" : value === "-infinite" ? "−∞" : short(value));
const often = (n) => n.toLocaleString("en");

// {rows: [{title, unit, value, error, at_least, kind, n, floor, bound}]}: a bar each, all on one logarithmic scale.
export class Ledger {
  constructor(cell) {
    this.cell = cell;
    const table = make("table", { class: "gl-ledger" }, make("div", { class: "gl-scroll" }, cell.figure));
    const head = make("tr", {}, make("thead", {}, table));
    for (const title of ["divergence", "", "value", "perfect sampler", "the model proves"]) make("th", { scope: "col" }, head, title);
    this.scale = head.children[1];
    this.body = make("tbody", {}, table);
  }

  draw(about) {
    const rows = about.rows ?? [];
    const finite = rows.flatMap((row) => [row.value - row.least, row.floor - row.least]).filter((v) => Number.isFinite(v) && v > 0);
    // What lies above the least value; a single huge one fills its bar and leaves room for the others.
    const top = Math.min(HIGHEST, Math.max(0, Math.ceil(Math.log10(Math.max(1e-3, ...finite)))));
    const place = (v) => (Number.isFinite(v) ? (v > 0 ? Math.min(1, Math.max(0, (Math.log10(v) - LOWEST) / (top - LOWEST))) : 0) : 1);
    this.scale.textContent = `0.001 … ${short(10 ** top)}, log`;
    this.body.replaceChildren(...rows.map((row) => {
      const line = make("tr", { "data-row": row.name });
      make("th", { scope: "row", title: `${row.unit}, ${row.kind}${row.n ? `, n = ${often(row.n)}` : ""}` }, line, row.title);
      const track = make("div", { class: "gl-track" }, make("td", {}, line));
      const bar = make("i", { class: row.value === "infinite" ? "gl-infinite" : "" }, track);
      bar.style.width = `${100 * place(row.value === "infinite" ? Infinity : row.value - row.least)}%`;
      if (Number.isFinite(row.floor)) make("b", { title: "a perfect sampler" }, track).style.left = `${100 * place(row.floor - row.least)}%`;
      const error = row.error ? ` ± ${short(row.error)}` : "";
      const least = row.value === "infinite" && row.at_least !== null ? ` (> ${short(row.at_least)})` : "";
      make("td", {}, line, `${told(row.value)}${Number.isFinite(row.value) ? error : least}`);
      make("td", {}, line, told(row.floor));
      const { bound } = row;
      const words = bound ? `${bound.side === "lower" ? "≥" : "≤"} ${told(bound.value)}${bound.error ? ` ± ${short(bound.error)}` : ""}` : "";
      make("td", { title: bound ? `${bound.how}, n = ${often(bound.n)}` : "" }, line, words);
      return line;
    }));
  }
}

// {bins: [{low, high, d, share, error, truth, n}], ece, chance, n}: confidence against what is so.
export class Calibration {
  constructor(cell) { this.cell = cell; }

  draw(about) {
    const { cell } = this, colours = cell.colours();
    const paper = cell.paper((width) => Math.min(width, 340)), { pen } = paper;
    cell.canvas.setAttribute("aria-label", `${about.title}. ${about.note ?? ""}`);
    paper.span([0, 1], [0, 1]);
    paper.axes();
    const most = Math.max(1, ...about.bins.map((bin) => bin.n));
    pen.fillStyle = paper.ink;
    pen.globalAlpha = 0.13;
    for (const { low, high, n } of about.bins) pen.fillRect(paper.px(low) + 1, paper.py((0.25 * n) / most), paper.px(high) - paper.px(low) - 2, paper.py(0) - paper.py((0.25 * n) / most));
    pen.globalAlpha = 1;
    pen.strokeStyle = paper.ink;
    pen.setLineDash([6, 4]);
    paper.stroke(paper.px(0), paper.py(0), paper.px(1), paper.py(1));
    pen.setLineDash([]);
    let truths = false;
    for (const bin of about.bins) {
      if (bin.d === null || bin.share === null) continue;
      const x = paper.px(bin.d);
      pen.strokeStyle = pen.fillStyle = colours[0];
      pen.lineWidth = 1.6;
      if (bin.error !== null) paper.stroke(x, paper.py(Math.max(0, bin.share - 2 * bin.error)), x, paper.py(Math.min(1, bin.share + 2 * bin.error)));
      pen.beginPath();
      pen.arc(x, paper.py(bin.share), 3.5, 0, 2 * Math.PI);
      pen.fill();
      if (bin.truth === null) continue;
      truths = true;
      pen.strokeStyle = colours[1];
      pen.strokeRect(x - 4, paper.py(bin.truth) - 4, 8, 8);
    }
    paper.titles("D(x), probability of real", "share that is real");
    cell.key([
      ["share of real examples, ± 2 standard errors", colours[0]], ...(truths ? [["mean D*", colours[1]]] : []),
      [`calibration error ${short(about.ece)}; ${short(about.chance)} by chance; columns: how many of n = ${often(about.n)}`, null],
    ]);
  }
}
