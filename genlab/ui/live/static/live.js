// The live view: one dashboard for one run or for several laid over each other. It polls a small delta
// once a second and changes its nodes in place; Streamlit is not asked to run anything. Where each step is
// to be seen (slow motion, somebody has just pressed something) it asks more often.

import { between, Chart, DASHES, floorIndex, make } from "./chart.js";
import { Cell, FORMS } from "./pictures.js";

const EVERY = 1000, SLOWEST = 15000, PALETTE = 10;
// Slow motion: up to so many steps a second each is followed. After a touch: how often, and for how long.
const SLOW_MOTION = 6, FOLLOW = 250, EAGER = 120, AFTER_TOUCH = 3000;
// The first things to look at, in this order; the charts of numbers come between them.
const FIRST = ["gap", "line", "samples"], SECOND = ["reconstructions", "ledger", "calibration", "confidence"];
const EMPTY = {
  queued: "This run waits in the queue; it starts as soon as a worker is free.",
  running: "Waiting for the first numbers of this run…",
  paused: "This run was paused before its first numbers; resume it, or take one step.",
};
EMPTY[undefined] = "Loading…";
const views = new WeakMap();

export function mount({ data, parentElement, setStateValue, setTriggerValue }) {
  let view = views.get(parentElement);
  if (!view) views.set(parentElement, (view = new View(parentElement)));
  view.report = (step) => setStateValue("step", step);
  view.reportClock = (clock) => setStateValue("clock", clock);
  view.changed = (status) => setTriggerValue("changed", status);
  view.play = data.play ? () => setTriggerValue("play", performance.now()) : null;
  view.update(data);
  return () => view.rest();
}

class View {
  constructor(parent) {
    this.runs = new Map();
    this.common = "";
    this.charts = new Map();
    this.panels = new Map();
    this.step = null;
    this.zoom = null;
    // What the axes and the slider go by: steps, or each run's own seconds of training.
    this.clock = "step";
    this.root = make("div", { class: "gl" }, parent);
    this.bar = make("div", { class: "gl-bar" }, this.root);
    this.heads = make("div", {}, this.bar);
    this.makeSlider();
    this.lost = make("div", { class: "gl-lost", role: "status", hidden: "" }, this.bar);
    this.empty = make("p", { class: "gl-empty" }, this.root);
    this.cards = make("div", { class: "gl-cards" }, this.root);
    this.makeNotes();
    this.cards.append(this.notes);
    this.touched = -Infinity;
    this.onShow = () => { if (!document.hidden) this.wake(); };
    this.onTouch = () => { this.touched = performance.now(); this.plan(); };
    this.onKey = (event) => this.key(event);
    this.seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        entry.target.cell.visible = entry.isIntersecting;
        if (entry.isIntersecting) entry.target.cell.refresh();
      }
    }, { rootMargin: "1000px", scrollMargin: "1000px" });
  }

  makeSlider() {
    const box = make("div", { class: "gl-slider", hidden: "" }, this.bar);
    this.sliderBox = box;
    box.title = "Arrow keys: the picture before and after. Space: pause and go on.";
    make("label", { for: "gl-time" }, box, "Step shown");
    this.slider = make("input", { id: "gl-time", type: "range", min: 0, max: 1, step: 1, "aria-label": "Step shown in every picture" }, box);
    this.output = make("output", { for: "gl-time" }, box);
    this.liveButton = make("button", { type: "button", class: "gl-live", "aria-pressed": "true" }, box, "Live");
    this.clockBox = make("div", { class: "gl-clock", role: "group", "aria-label": "What the slider and the charts go by", hidden: "" }, box);
    this.clockBox.title = "Seconds by the clock on the wall since a run's first step, pauses left out; runs at the same time share the processor.";
    this.clockButtons = ["step", "seconds"].map((clock) => {
      const button = make("button", { type: "button", class: "gl-small", "data-clock": clock }, this.clockBox, { step: "steps", seconds: "seconds" }[clock]);
      button.addEventListener("click", () => this.setClock(clock, true));
      return button;
    });
    this.slider.addEventListener("input", () => this.scrub(+this.slider.value));
    this.slider.addEventListener("change", () => this.report(this.step));
    this.slider.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!by || event.shiftKey || !this.leaf(by)) return;
      event.preventDefault();
      clearTimeout(this.leafing);
      this.leafing = setTimeout(() => this.report(this.step), 400);
    });
    this.liveButton.addEventListener("click", () => { this.scrub(null); this.report(null); });
  }

  // To the picture before or after the one shown, of any panel; after the newest the view is live again.
  leaf(by) {
    const steps = new Set();
    for (const run of this.runs.values()) for (const known of Object.values(run.frames)) for (const step of known) steps.add(this.onAxis(run, step));
    if (!steps.size) return false;
    const sorted = [...steps].sort((a, b) => a - b), shown = this.step ?? sorted[sorted.length - 1];
    const at = floorIndex(sorted, shown);
    const next = by > 0 ? at + 1 : sorted[at] < shown ? at : at - 1;
    this.scrub(next >= sorted.length ? null : sorted[Math.max(0, next)]);
    return true;
  }

  // The other clock: where the slider stands is kept, by the first run.
  setClock(clock, told = false) {
    if (clock === this.clock) return;
    const first = [...this.runs.values()].sort((a, b) => a.index - b.index)[0];
    const step = this.step === null || this.step === undefined || !first ? null : this.stepOf(first, this.step);
    this.clock = clock;
    this.zoom = null;
    for (const chart of this.charts.values()) chart.setZoom(null);
    const arrive = () => {
      this.step = step === null ? null : this.onAxis(first, Math.round(step));
      if (told) { this.reportClock(clock); this.report(this.step); }
      this.paint();
    };
    if (clock === "step") arrive();
    else Promise.all([...this.runs.values()].map((run) => this.readClock(run))).then(arrive);
  }

  async readClock(run) {
    const now = performance.now();
    if (run.times && (run.timesOver || now - run.timesRead < 2000)) return;
    const over = run.over;
    try {
      const address = new URL(`genlab/runs/${encodeURIComponent(run.id)}/clock`, document.baseURI);
      const reply = await fetch(address, { cache: "no-cache", signal: AbortSignal.timeout(10000) });
      if (!reply.ok) return;
      run.times = await reply.json();
      run.timesRead = now;
      run.timesOver = over;
    } catch {
      // The next look asks again; until then the times that are known serve.
    }
  }

  onAxis(run, step) { return this.clock === "seconds" ? between(run.times?.step ?? [], run.times?.seconds ?? [], step) : step; }
  stepOf(run, at) { return this.clock === "seconds" ? between(run.times?.seconds ?? [], run.times?.step ?? [], at) : at; }

  makeNotes() {
    this.notes = make("section", { class: "gl-card gl-wide gl-notes", "aria-label": "Notes", hidden: "" });
    make("h3", {}, make("header", {}, this.notes), "Notes");
    make("p", { class: "gl-note" }, this.notes, "what changed the course of the run, the newest first");
    this.noteList = make("ol", {}, this.notes);
  }

  // The space bar pauses and plays, wherever nothing else takes it.
  key(event) {
    this.onTouch();
    if (event.key !== " " || !this.play || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const target = event.composedPath()[0];
    if (target instanceof Element && target.closest("input:not([type=range]), textarea, select, button, a, summary, [contenteditable], [role=combobox], [role=dialog], [role=slider], [role=option]")) return;
    event.preventDefault();
    this.play();
  }

  update(data) {
    const keep = new Set(data.runs.map((run) => run.id));
    for (const [id, run] of this.runs) if (!keep.has(id)) { run.head.remove(); this.runs.delete(id); this.stale = true; }
    data.runs.forEach((about, index) => {
      let run = this.runs.get(about.id);
      if (!run) {
        run = { id: about.id, seq: 0, frames: {}, events: [], delay: EVERY, due: 0, over: false, head: this.makeHead() };
        this.runs.set(about.id, run);
        this.stale = true;
      } else if (run.wake !== about.wake) {
        run.over = false;
        run.due = 0;
      }
      Object.assign(run, { title: about.title, wake: about.wake, index, colour: `var(--gl-${index % PALETTE})` });
      run.head.root.style.setProperty("--gl-run", run.colour);
      run.head.name.lastChild.textContent = run.title;
    });
    if (this.stale) {
      this.stale = false;
      this.step = data.step;
      this.clock = data.clock ?? "step";
      this.rebuild();
    }
    this.deaf();
    document.addEventListener("visibilitychange", this.onShow);
    document.addEventListener("click", this.onTouch, true);
    document.addEventListener("keydown", this.onKey);
    this.wake();
  }

  deaf() {
    document.removeEventListener("visibilitychange", this.onShow);
    document.removeEventListener("click", this.onTouch, true);
    document.removeEventListener("keydown", this.onKey);
  }

  makeHead() {
    const root = make("div", { class: "gl-run" }, this.heads);
    const name = make("span", { class: "gl-name" }, root);
    make("i", {}, name);
    make("span", {}, name);
    const state = make("span", { class: "gl-state" }, root);
    const progress = make("progress", { max: 1, value: 0, "aria-label": "Progress of the run" }, root);
    const message = make("div", { class: "gl-message", role: "status", hidden: "" }, root);
    return { root, name, state, progress, message, remove: () => root.remove() };
  }

  // Which runs there are has changed: lines and picture cells are made anew from their full answers.
  rebuild() {
    for (const chart of this.charts.values()) chart.close();
    for (const panel of this.panels.values()) panel.card.remove();
    this.charts.clear();
    this.panels.clear();
    for (const run of this.runs.values()) Object.assign(run, { seq: 0, frames: {}, events: [], over: false, due: 0 });
    this.noted = true;
    this.heads.replaceChildren(...[...this.runs.values()].sort((a, b) => a.index - b.index).map((run) => run.head.root));
  }

  wake() {
    clearTimeout(this.timer);
    this.tick();
  }

  rest() {
    clearTimeout(this.timer);
    this.deaf();
  }

  plan() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tick(), this.anew ? 0 : this.pause());
  }

  pause() {
    const runs = [...this.runs.values()];
    if (!runs.some((run) => !run.over)) return EVERY;
    if (performance.now() - this.touched < AFTER_TOUCH) return EAGER;
    return runs.some((run) => run.status === "running" && run.speed <= SLOW_MOTION) ? FOLLOW : EVERY;
  }

  async tick() {
    const mine = (this.ticket = {});
    this.anew = false;
    this.theme();
    if (!document.hidden) {
      const now = performance.now();
      const due = [...this.runs.values()].filter((run) => !run.over && run.due <= now + 50);
      await Promise.all(due.map((run) => this.poll(run)));
      if (this.ticket !== mine) return;
      if (due.length) this.paint();
    }
    this.plan();
  }

  async poll(run) {
    if (run.busy) return;
    run.busy = true;
    try {
      const address = new URL(`genlab/runs/${encodeURIComponent(run.id)}/delta?since=${run.seq}`, document.baseURI);
      const reply = await fetch(address, { cache: "no-cache", signal: AbortSignal.timeout(10000) });
      const news = await reply.json();
      if (reply.status === 404) {
        Object.assign(run, { over: true, error: news.error });
        return;
      }
      if (!reply.ok) throw new Error(news.error);
      this.take(run, news);
      if (this.clock === "seconds") await this.readClock(run);
      Object.assign(run, { delay: EVERY, error: null, due: 0 });
    } catch (error) {
      run.error = "Connection lost, trying again…";
      run.delay = Math.min(SLOWEST, run.delay * 2);
      run.due = performance.now() + run.delay;
    } finally {
      run.busy = false;
    }
  }

  take(run, news) {
    const full = run.seq === 0;
    const active = ["queued", "running", "paused"].includes(news.status);
    // A resumed run, or one that has just ended, is read once more in full.
    const again = !full && (news.attempt !== run.attempt || !active);
    // The numbers of a step may be here before the run's next sign of life: it does not go back then.
    if (!full && !again) news.step = Math.max(news.step, run.step);
    for (const key of ["status", "step", "steps", "speed", "eta", "position", "message", "attempt"]) run[key] = news[key];
    // The page around this view (buttons, messages) follows when the status is no longer the one it knows.
    const standing = `${news.status} ${news.attempt}`;
    if (standing !== run.wake && standing !== run.told) {
      run.told = standing;
      this.changed(standing);
    }
    if (again) {
      run.seq = 0;
      return;
    }
    if (full) {
      run.frames = {};
      run.events = [];
      run.says = news.charts ?? [];
      if (this.together()) return;
      for (const about of run.says) for (const part of this.parted(about)) this.prepare(run, part);
      for (const chart of this.charts.values()) chart.clear(`${run.id}/`);
    }
    run.seq = Math.max(news.seq ?? 0, run.seq);
    run.over = !active;
    for (const block of news.rows ?? []) {
      for (const [name, values] of Object.entries(block.v)) {
        for (const chart of this.charts.values()) chart.extend(`${run.id}/${name}`, block.step, values);
      }
    }
    for (const event of news.events ?? []) {
      const ended = event.level === "error" && run.status === "diverged";
      const info = event.level === "info";
      const label = ended ? `diverged at step ${event.step.toLocaleString("en")}` : info ? event.label ?? "" : event.message.slice(0, 60);
      const same = (known) => (info ? known.message === event.message && known.step === event.step : known.label === label);
      if (!run.events.some(same)) { run.events.push({ ...event, label }); this.noted = true; }
    }
    for (const [panel, steps] of Object.entries(news.frames ?? {})) {
      run.frames[panel] = [...new Set([...(run.frames[panel] ?? []), ...steps])].sort((a, b) => a - b);
      this.panel(panel);
    }
  }

  // Whether it has changed which numbers several runs have in common; all are read anew then.
  together() {
    const names = [...this.runs.values()].flatMap((run) => [...new Set((run.says ?? []).flatMap((about) => about.lines.map((line) => line.name)))]);
    const common = [...new Set(names.filter((name, at) => names.indexOf(name) !== at))].sort().join(" ");
    if (common === this.common) return false;
    this.common = common;
    this.rebuild();
    this.anew = true;
    return true;
  }

  // A number that several runs have gets a chart of its own, a line a run; the rest stays in its group.
  parted(about) {
    const common = new Set(this.common.split(" "));
    const rest = about.lines.filter((line) => !common.has(line.name));
    const own = about.lines.filter((line) => common.has(line.name)).map((line) => ({
      key: `${about.key} ${line.name}`, title: line.title, note: [about.note, line.note].filter(Boolean).join(", "),
      lines: [{ ...line, title: "", note: "" }],
    }));
    return rest.length ? [...own, { ...about, lines: rest }] : own;
  }

  // The chart of a group: one for all runs that say the same things, another one for a run of another kind.
  prepare(run, about) {
    const names = about.lines.map((line) => line.name);
    const several = this.runs.size > 1;
    let chart = [...this.charts.values()].find((known) => known.group === about.key && names.some((name) => known.names.has(name)));
    if (!chart) {
      chart = new Chart(this.cards, about, {
        zoom: (range) => { this.zoom = range; for (const each of this.charts.values()) each.setZoom(range); },
        pick: (step) => { this.scrub(step); this.report(step); },
      });
      chart.group = about.key;
      chart.names = new Map();
      chart.setZoom(this.zoom);
      this.charts.set(`${about.key}/${names[0]}`, chart);
      this.arrange();
    }
    about.lines.forEach((line) => {
      if (!chart.names.has(line.name)) chart.names.set(line.name, chart.names.size);
      const place = chart.names.get(line.name);
      chart.line(`${run.id}/${line.name}`, {
        title: several ? [run.title, line.title].filter(Boolean).join(": ") : line.title,
        note: line.note,
        colour: several ? run.colour : `var(--gl-${place % PALETTE})`,
        dash: several ? DASHES[place % DASHES.length] : DASHES[Math.floor(place / PALETTE) % DASHES.length],
        truth: line.truth,
        truthLabel: line.truth_label,
      });
    });
  }

  // What is looked at first stands first: the maps and samples, the first curves, the reconstructions.
  arrange() {
    const charts = [...this.charts.values()].map((chart) => chart.card);
    const rest = new Map([...this.panels].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, panel]) => [name, panel.card]));
    const take = (names) => names.flatMap((name) => { const card = rest.get(name); rest.delete(name); return card ? [card] : []; });
    // Where several runs stand side by side a picture takes the whole width, and would tear the charts apart.
    const early = this.runs.size > 1 ? 0 : 1;
    this.cards.append(...take(FIRST), ...charts.slice(0, early), ...take(SECOND), ...charts.slice(early), ...take(["latent"]), ...rest.values(), this.notes);
  }

  panel(name) {
    let panel = this.panels.get(name);
    if (!panel) {
      const card = make("section", { class: "gl-card", "data-panel": name }, this.cards);
      const header = make("header", {}, card);
      const title = make("h3", {}, header, name);
      const note = make("p", { class: "gl-note" }, card);
      panel = { card, header, title, note, titles: new Map(), cells: new Map(), box: make("div", { class: "gl-cells" }, card) };
      this.panels.set(name, panel);
      this.arrange();
    }
    for (const run of [...this.runs.values()].sort((a, b) => a.index - b.index)) {
      if (!run.frames[name] || panel.cells.has(run.id)) continue;
      const several = this.runs.size > 1;
      const told = (about) => {
        panel.titles.set(run.id, about.title || name);
        panel.title.textContent = [...new Set(panel.titles.values())].join(" · ");
        panel.card.setAttribute("aria-label", panel.title.textContent);
        (several ? cell.note : panel.note).textContent = about.note || "";
        panel.form = about.form;
        this.widen(panel);
      };
      const cell = new Cell(panel.box, run, name, { several, header: panel.header, told });
      panel.cells.set(run.id, cell);
      this.widen(panel);
      cell.figure.style.order = run.index;
      this.seen.observe(cell.figure);
    }
  }

  // Pictures of several runs stand side by side; what one run alone has, is as wide as a chart.
  widen(panel) { panel.card.classList.toggle("gl-wide", panel.cells.size > 1 || FORMS[panel.form]?.wide); }

  scrub(step) {
    this.step = step;
    this.paintTime();
  }

  last() { return Math.max(this.clock === "seconds" ? 0.1 : 1, ...[...this.runs.values()].map((run) => this.onAxis(run, run.step ?? 0))); }

  paint() {
    for (const run of this.runs.values()) this.paintHead(run);
    const errors = [...this.runs.values()].map((run) => run.error).filter(Boolean);
    this.lost.hidden = !errors.length;
    this.lost.textContent = errors[0] ?? "";
    const events = [];
    for (const run of this.runs.values()) {
      for (const event of run.events) {
        const label = this.runs.size > 1 && event.label && event.level !== "info" ? `${run.title}: ${event.label}` : event.label;
        events.push({ ...event, label, at: this.onAxis(run, event.step) });
      }
    }
    const begun = performance.now();
    const extent = [0, this.last()];
    const along = this.clock === "step" ? null : (id, step) => this.onAxis(this.runs.get(id.slice(0, id.indexOf("/"))), step);
    for (const chart of this.charts.values()) {
      chart.events = events;
      chart.extent = extent;
      chart.along = along;
      chart.draw();
    }
    this.root.dataset.redraw = (performance.now() - begun).toFixed(2);
    this.paintNotes();
    this.empty.hidden = this.charts.size + this.panels.size > 0;
    this.empty.textContent = EMPTY[[...this.runs.values()][0]?.status] ?? "This run ended before it wrote its first numbers.";
    this.sliderBox.hidden = !this.panels.size && !this.charts.size;
    this.paintTime();
  }

  paintNotes() {
    if (!this.noted) return;
    this.noted = false;
    const several = this.runs.size > 1;
    const all = [...this.runs.values()].flatMap((run) => run.events.map((event, order) => ({ ...event, order, run })));
    all.sort((a, b) => b.step - a.step || b.order - a.order);
    this.notes.hidden = !all.length;
    this.noteList.replaceChildren(...all.slice(0, 100).map(({ step, level, message, run }) => {
      const line = make("li", { "data-level": level });
      make("time", {}, line, `step ${step.toLocaleString("en")}`);
      make("span", {}, line, several ? `${run.title}: ${message}` : message);
      return line;
    }));
  }

  paintHead(run) {
    const { root, state, progress, message } = run.head;
    if (run.status === undefined) { state.textContent = run.error ? "" : "loading…"; return; }
    root.dataset.status = run.status;
    const parts = [`step ${run.step.toLocaleString("en")} of ${run.steps.toLocaleString("en")}`];
    if (run.status === "running" && run.speed > 0) parts.push(`${run.speed >= 10 ? Math.round(run.speed) : run.speed.toPrecision(2)} steps/s`);
    if (run.eta !== null && run.eta !== undefined && run.status === "running") parts.push(`${clock(run.eta)} left`);
    if (run.status === "queued" && run.position) parts.push(`place ${run.position} in the queue`);
    state.replaceChildren(make("b", {}, null, run.status), document.createTextNode(parts.join(" · ")));
    progress.max = run.steps;
    progress.value = run.step;
    message.hidden = !run.message;
    message.textContent = run.message;
  }

  paintTime() {
    const last = this.last(), live = this.step === null || this.step === undefined;
    const shown = live ? last : Math.min(this.step, last);
    const seconds = this.clock === "seconds";
    this.slider.step = seconds ? "any" : 1;
    this.slider.max = last;
    this.slider.value = shown;
    this.clockBox.hidden = this.runs.size < 2;
    for (const button of this.clockButtons) button.setAttribute("aria-pressed", String(button.dataset.clock === this.clock));
    const words = seconds ? `${shown.toFixed(1)} s` : `step ${shown.toLocaleString("en")}`;
    if (this.output.textContent !== words) this.output.textContent = words;
    this.slider.setAttribute("aria-valuetext", words);
    this.liveButton.setAttribute("aria-pressed", String(live));
    const active = [...this.runs.values()].some((run) => ["queued", "running", "paused"].includes(run.status));
    this.liveButton.textContent = active ? "Live" : "Latest";
    for (const chart of this.charts.values()) chart.setMarker(live ? null : shown);
    for (const [name, panel] of this.panels) {
      for (const [id, cell] of panel.cells) {
        const run = this.runs.get(id), steps = run?.frames[name] ?? [];
        // A thousandth of a step: seconds there and back again may fall short of it.
        const at = seconds ? this.stepOf(run, shown) + 1e-3 : shown;
        let index = live ? steps.length - 1 : Math.max(0, floorIndex(steps, at));
        // One run goes back in time; several are compared at what is nearest to the slider.
        if (!live && this.runs.size > 1 && index + 1 < steps.length && steps[index + 1] - at < at - steps[index]) index++;
        cell.show(steps[index]);
      }
    }
  }

  theme() {
    const colour = getComputedStyle(this.root).getPropertyValue("--gl-back").trim();
    if (colour === this.back) return;
    this.back = colour;
    const probe = make("canvas", { width: 1, height: 1 }).getContext("2d");
    probe.fillStyle = colour;
    probe.fillRect(0, 0, 1, 1);
    const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
    this.root.classList.toggle("gl-dark", 0.3 * r + 0.59 * g + 0.11 * b < 128);
    for (const panel of this.panels.values()) for (const cell of panel.cells.values()) cell.redraw();
  }
}

function clock(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
