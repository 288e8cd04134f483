// The laws of data and model on the line, and below them what the critic believes beside what is true.

import { make, short } from "./chart.js";
import { Paper } from "./paper.js";

const UPPER = 210, LOWER = 150, FOOT = 34, BETWEEN = 26, RUG = 24;
// Data like the paper's ink, the model like generated points; what is learned is whole, what is true dashed.
const LOOKS = {
  p: { colour: null, filled: true }, q: { colour: 2, filled: true },
  d: { colour: 0 }, c: { colour: 0 }, truth: { colour: 1, dashed: true },
};
const LEVELS = { probability: 0.5 };
const TITLES = { density: "density", probability: "probability of real", score: "score" };

// {x, lines: {name: {title, on, y}}, real, fake, arrows, push, told, n}
export class Line {
  constructor(cell) { this.cell = cell; }

  draw(about) {
    this.about = about;
    const { cell } = this, lines = Object.entries(about.lines);
    const below = lines.filter(([, line]) => line.on !== "density");
    const paper = cell.paper(() => 8 + UPPER + RUG + (below.length ? BETWEEN + LOWER : 0) + FOOT);
    cell.canvas.classList.add("gl-full");
    cell.canvas.setAttribute("aria-label", `${about.title}. ${about.note ?? ""}`);
    cell.canvas.dataset.lines = lines.length;
    const colours = cell.colours(), { x } = about, step = x[1] - x[0];
    const ends = [x[0] - step / 2, x[x.length - 1] + step / 2];
    this.map = this.plot(paper, 8, UPPER + RUG, ends, lines.filter(([, line]) => line.on === "density"), colours, !below.length);
    this.rug(this.map, about, colours);
    if (below.length) this.plot(paper, 8 + UPPER + RUG + BETWEEN, LOWER, ends, below, colours, true);
    if (!this.readout) {
      this.readout = make("p", { class: "gl-note gl-readout" });
      cell.canvas.after(this.readout);
      cell.canvas.addEventListener("pointermove", (event) => this.read(event));
      cell.canvas.addEventListener("pointerleave", () => { this.readout.textContent = this.summary(); });
    }
    this.readout.textContent = this.summary();
    const keys = lines.map(([name, line]) => [line.title, this.colour(paper, name, colours)]);
    keys.push([`points: data above (held-out), generated below${about.arrows.length ? `; arrows: where the generator's loss pushes them, to scale; the longest is ${short(about.push)} per data unit` : ""}`, null]);
    cell.key(keys);
  }

  colour(paper, name, colours) {
    const { colour } = LOOKS[name] ?? { colour: 4 };
    return colour === null ? paper.ink : colours[colour];
  }

  // One plot of several lines on an axis of their own, `high` pixels high.
  plot(paper, top, high, ends, lines, colours, last) {
    const map = new Paper(paper.pen, paper.width, paper.height, paper.ink), { on } = lines[0][1];
    map.top = top;
    map.bottom = paper.height - top - high;
    map.span(ends, this.range(on, lines, high));
    map.axes({ xticks: last });
    const { pen } = map, { x } = this.about;
    pen.save();
    pen.beginPath();
    pen.rect(map.left, top, paper.width - map.left - map.right, high);
    pen.clip();
    if (LEVELS[on] !== undefined) {
      pen.strokeStyle = map.ink;
      pen.globalAlpha = 0.5;
      pen.setLineDash([2, 3]);
      map.stroke(map.left, map.py(LEVELS[on]), map.width - map.right, map.py(LEVELS[on]));
      pen.setLineDash([]);
    }
    for (const [name, { y }] of lines) {
      const look = LOOKS[name] ?? {};
      pen.strokeStyle = pen.fillStyle = this.colour(paper, name, colours);
      if (look.filled) {
        pen.beginPath();
        pen.moveTo(map.px(x[0]), map.py(0));
        y.forEach((value, i) => pen.lineTo(map.px(x[i]), map.py(value ?? 0)));
        pen.lineTo(map.px(x[x.length - 1]), map.py(0));
        pen.globalAlpha = 0.16;
        pen.fill();
      }
      pen.globalAlpha = 1;
      pen.lineWidth = look.dashed ? 2 : 1.8;
      pen.setLineDash(look.dashed ? [6, 4] : []);
      pen.beginPath();
      let drawn = false;
      y.forEach((value, i) => {
        if (value !== null) pen[drawn ? "lineTo" : "moveTo"](map.px(x[i]), map.py(value));
        drawn = value !== null;
      });
      pen.stroke();
    }
    pen.restore();
    pen.font = "11px sans-serif";
    pen.fillStyle = map.ink;
    pen.globalAlpha = 0.72;
    pen.textAlign = "left";
    pen.fillText(TITLES[on] ?? on, map.left + 4, top + 11);
    pen.globalAlpha = 1;
    return map;
  }

  // A peak of the model over the data's is cut off, so that the data's law keeps its shape; what is true is
  // often infinite where one law ends, so that a score's axis is that of the learned line.
  range(on, lines, high) {
    if (on === "probability") return [0, 1.02];
    const known = (name) => (this.about.lines[name]?.y ?? []).filter((v) => v !== null);
    if (on === "density") {
      const p = Math.max(1e-12, ...known("p")), top = 1.08 * Math.min(2.5 * p, Math.max(p, ...known("q")));
      return [(-RUG / (high - RUG)) * top, top];
    }
    const own = known(lines[0][0]), low = Math.min(...own), top = Math.max(...own), pad = 0.15 * (top - low || 1);
    return [low - pad, top + pad];
  }

  // The points themselves, under the densities.
  rug(map, about, colours) {
    const { pen } = map, line = map.py(0);
    pen.lineWidth = 1;
    pen.strokeStyle = map.ink;
    pen.globalAlpha = 0.5;
    for (const x of about.real) if (x >= map.x0 && x <= map.x1) map.stroke(map.px(x), line + 2, map.px(x), line + 9);
    pen.strokeStyle = colours[2];
    pen.globalAlpha = 0.7;
    const seen = (x) => x >= map.x0 && x <= map.x1;
    for (const x of about.fake) if (seen(x)) map.stroke(map.px(x), line + 11, map.px(x), line + 18);
    pen.globalAlpha = 1;
    pen.strokeStyle = map.ink;
    about.arrows.forEach((dx, i) => {
      const from = about.fake[i];
      if (!seen(from)) return;
      const a = map.px(from), b = map.px(Math.min(map.x1, Math.max(map.x0, from + dx))), y = line + 14.5;
      if (Math.abs(b - a) < 1) return;
      const head = Math.sign(b - a) * Math.min(3, 0.5 * Math.abs(b - a));
      map.stroke(a, y, b, y);
      map.stroke(b - head, y - 2.5, b, y);
      map.stroke(b - head, y + 2.5, b, y);
    });
  }

  summary() {
    const { told, n } = this.about;
    const words = told.map(([title, value, unit]) => `${title} = ${value === "infinite" ? "∞" : short(value)}${unit === "probability" ? "" : ` ${unit}`}`);
    return `${words.join(", ")}${n ? ` (q counted from ${n.toLocaleString("en")} samples)` : " (q integrated)"}`;
  }

  // The values under the pointer, of every line.
  read(event) {
    const box = this.cell.canvas.getBoundingClientRect(), { map, about } = this, at = event.clientX - box.left;
    const share = (at - map.left) / (map.width - map.left - map.right), i = Math.floor(share * about.x.length);
    if (i < 0 || i >= about.x.length) { this.readout.textContent = this.summary(); return; }
    const words = Object.values(about.lines).map(({ title, y }) => `${title.split(" = ")[0]}: ${y[i] === null ? "unknown" : y[i].toPrecision(3)}`);
    this.readout.textContent = `at ${about.x[i].toFixed(2)} — ${words.join("; ")}`;
  }
}
