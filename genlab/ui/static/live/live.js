// The live view: one dashboard for one run, or for several laid over each other. It asks the server
// for news and changes its elements in place; Streamlit reruns nothing.

import { RUN_MARKS } from "../shared/roles.js";
import { make } from "../shared/dom.js";
import { announceMoment, onFollow } from "../shared/moment.js";
import { onBarPlace } from "./bar_places.js";
import { COLOURS } from "./chart_board.js";
import { Deck } from "./deck.js";
import { WIDE } from "./forms.js";
import { sharedNames, splitGroup } from "./groups.js";
import { isFreeSpace } from "./keys.js";
import { Poller } from "./poller.js";
import { isActive, LiveRun, mergeSteps } from "./run.js";
import { RunHead } from "./run_head.js";
import { followTheme } from "./theme.js";
import { TimeAxis } from "./time_axis.js";
import { TimeBar } from "./time_bar.js";
import { frameStep } from "./timeline.js";
import { formatView, ViewState } from "./view_state.js";

/** @import { Delta, LiveData } from "./wire" */
/** @import { Clock } from "./timeline.js" */
/** @import { Moment } from "../shared/moment.js" */
/** @import { ChartEvent } from "./chart.js" */
/** @import { Component } from "../shared/component" */

/** What stands where a run has no numbers yet. @type {Record<string, string>} */
const EMPTY = {
  queued: "This run waits in the queue. It starts as soon as a worker is free.",
  running: "Waiting for the first numbers of this run…",
  paused: "This run was paused before its first numbers. Resume it, or take one step.",
};

/**
 * @typedef {(run: string, step: number | null) => void} OnTime what follows the slider: the id of a
 *   run, and its step, null for the newest
 */

/** @type {WeakMap<HTMLElement | ShadowRoot, LiveView>} */
const views = new WeakMap();

/**
 * Draws the live view, or updates the one that is there.
 * @param {Component<LiveData> & { onTime?: OnTime }} component the place in the page; `onTime` is
 *   called with each run and its step as the slider moves
 * @returns {() => void} called when the view leaves the page
 */
export function mount({ data, parentElement, setStateValue, setTriggerValue, onTime }) {
  let view = views.get(parentElement);
  if (!view) views.set(parentElement, (view = new LiveView(parentElement)));
  view.report = setStateValue;
  if (onTime) view.onTime = onTime;
  view.reportStatus = (status) => setTriggerValue("changed", status);
  view.play = data.play ? () => setTriggerValue("play", performance.now()) : null;
  view.update(data);
  return () => view.rest();
}

class LiveView {
  /** @type {Map<string, LiveRun>} */
  runs = new Map();
  /** Key of the place that the bar has, empty where it stands above the cards. */
  barKey = "";
  /** Names of the numbers that several runs have. @type {string[]} */
  shared = [];
  time = new TimeAxis(() => this.sortedRuns());
  /** Whether the set of runs has changed. */
  stale = false;
  hasNewEvents = false;
  /** Background that the colours were chosen for. */
  background = "";
  /** @type {(name: string, value: unknown) => void} */
  report = () => {};
  /** @type {(status: string) => void} */
  reportStatus = () => {};
  /** @type {OnTime} */
  onTime = () => {};
  /** @type {(() => void) | null} */
  play = null;

  /** @param {HTMLElement | ShadowRoot} parent where the view is appended */
  constructor(parent) {
    this.root = make("div", { class: "gl" }, parent);
    const bar = (this.bar = make("div", { class: "gl-bar" }, this.root));
    this.heads = make("div", {}, bar);
    this.timeBar = new TimeBar(bar, {
      scrub: (at) => {
        this.scrub(at);
        this.announce();
      },
      commit: () => this.report("step", this.time.at),
      step: (by) => {
        const isMoved = this.stepFrame(by);
        this.announce();
        return isMoved;
      },
      clock: (clock) => this.setClock(clock),
    });
    this.lost = make("div", { class: "gl-lost", role: "status", hidden: "" }, bar);
    this.empty = make("p", { class: "gl-empty" }, this.root);
    this.viewState = new ViewState((text) => {
      this.report("view", text);
      this.deck.redraw();
      this.announce();
    });
    this.deck = new Deck(this.root, this.viewState, this.pick.bind(this));
    this.board = this.deck.board;
    this.poller = new Poller({
      runs: () => [...this.runs.values()],
      begin: () => this.followTheme(),
      askRun: (run) => this.askRun(run),
      gone: (run) => this.reportGone(run),
      draw: () => this.draw(),
      key: (event) => this.onKey(event),
    });
  }

  /** Gives the runs in the order of the page. */
  sortedRuns() {
    return [...this.runs.values()].sort((a, b) => a.index - b.index);
  }

  /** Ids of the runs, between commas. */
  get runNames() {
    return this.sortedRuns()
      .map(({ id }) => id)
      .join(",");
  }

  get several() {
    return this.runs.size > 1;
  }

  // --- the page around the view ---

  /** @param {LiveData} data what the page hands over */
  update(data) {
    this.deck.views = data.panels ?? {};
    for (const form of data.wide ?? []) WIDE.add(form);
    this.deck.sections.setGroups(data.sections ?? {});
    this.placeBar(data.bar ?? "");
    this.deck.setPresent(!!data.present);
    const ids = new Set(data.runs.map((run) => run.id));
    for (const [id, run] of this.runs) {
      if (ids.has(id)) continue;
      run.head.root.remove();
      this.runs.delete(id);
      this.stale = true;
    }
    data.runs.forEach(({ id, title, wake }, index) => {
      const run = this.runs.get(id) ?? this.addRun(id);
      if (run.wake && run.wake !== wake) {
        run.over = false;
        run.due = 0;
      }
      run.title = title;
      run.wake = wake;
      run.index = index;
      run.colour = `var(--gl-${index % COLOURS})`;
      run.mark = RUN_MARKS[index % RUN_MARKS.length];
      run.head.setName(title, run.colour, run.mark);
    });
    if (this.stale) {
      this.stale = false;
      this.time.at = data.step;
      this.time.clock = data.clock ?? "step";
      this.viewState.read(data.view ?? {});
      this.rebuild();
      onFollow(this.runNames, (moment) => this.follow(moment));
    }
    this.poller.start();
  }

  /** @param {string} key of the place that the bar has, empty for its own */
  placeBar(key) {
    if (!key || key === this.barKey) return;
    this.barKey = key;
    onBarPlace(key, (place) => {
      if (this.bar.parentElement !== place) place.replaceChildren(this.bar);
      place.classList.toggle("gl-dark", this.root.classList.contains("gl-dark"));
      this.background = "";
    });
  }

  /** @param {string} id of the new run */
  addRun(id) {
    const run = new LiveRun(id, new RunHead(this.heads));
    this.runs.set(id, run);
    this.stale = true;
    return run;
  }

  /**
   * The space bar pauses and resumes, wherever nothing else takes it.
   * @param {KeyboardEvent} event of any element of the page
   */
  onKey(event) {
    if (this.deck.presenter?.handleKey(event)) return;
    if (!this.play || !isFreeSpace(event)) return;
    event.preventDefault();
    this.play();
  }

  /** Stops while the view is not on the page. */
  rest() {
    this.poller.stop();
  }

  /** Makes charts and panels anew from full answers, because the set of runs has changed. */
  rebuild() {
    this.deck.clear();
    for (const run of this.runs.values()) run.forget();
    this.hasNewEvents = true;
    this.heads.replaceChildren(...this.sortedRuns().map((run) => run.head.root));
  }

  // --- news ---

  /**
   * @param {LiveRun} run that is asked for news
   * @returns {Promise<boolean>} whether there were any
   */
  async askRun(run) {
    const news = await run.fetchDelta();
    if (!news) {
      if (run.isGone) this.reportGone(run);
      return false;
    }
    this.take(run, news);
    if (this.time.clock === "seconds") await run.fetchTimes();
    return true;
  }

  /**
   * Takes over an answer.
   * @param {LiveRun} run that was asked
   * @param {Delta} news its answer
   */
  take(run, news) {
    const extent = run.takeStatus(news);
    this.reportChange(run);
    if (extent === "again") return;
    if (extent === "full") {
      run.frames = {};
      run.events = [];
      run.charts = news.charts ?? [];
      if (this.updateShared()) return;
      const shared = new Set(this.shared);
      for (const group of run.charts) {
        for (const part of splitGroup(group, shared)) this.board.addLines(run, part, this.several);
      }
      this.deck.arrange();
      this.board.clearRun(run);
    }
    run.cursor = Math.max(news.seq ?? 0, run.cursor);
    run.over = !isActive(news.status);
    for (const { step, v } of news.rows ?? []) this.board.append(run, step, v);
    if (run.takeEvents(news)) this.hasNewEvents = true;
    for (const [panel, steps] of Object.entries(news.frames ?? {})) {
      run.frames[panel] = mergeSteps(run.frames[panel] ?? [], steps);
      this.deck.addCells(panel, this.sortedRuns());
    }
  }

  /**
   * Lets the page around the view follow when the status is no longer the one that it knows.
   * @param {LiveRun} run whose status is known
   */
  reportChange(run) {
    const status = `${run.status} ${run.attempt}`;
    if (status === run.wake || status === run.reported) return;
    run.reported = status;
    this.reportStatus(status);
  }

  /**
   * Lets the page around the view follow when a run was deleted, perhaps on another page.
   * @param {LiveRun} run that is no longer there
   */
  reportGone(run) {
    if (run.reported === "gone") return;
    run.reported = "gone";
    this.reportStatus(`gone ${run.id}`);
  }

  /** Finds the numbers that several runs have; if they have changed, everything is read anew. */
  updateShared() {
    const shared = sharedNames([...this.runs.values()].map((run) => run.charts));
    if (shared.join() === this.shared.join()) return false;
    this.shared = shared;
    this.rebuild();
    this.poller.asksAtOnce = true;
    return true;
  }

  // --- time ---

  /** @param {number} at point in time that was chosen in a chart */
  pick(at) {
    this.scrub(at);
    this.report("step", at);
    this.announce();
  }

  /** Tells a room what was chosen here. */
  announce() {
    const { runNames, time } = this;
    const { at, clock } = time;
    announceMoment({ run: runNames, at, clock, view: { ...formatView(this.viewState.facts) } });
  }

  /**
   * Shows what the teacher of a room shows.
   * @param {Moment} moment it
   */
  follow({ at, clock, view }) {
    this.viewState.read(view);
    const { enlarger } = this.deck;
    if (enlarger.card && enlarger.card.id !== view.enlarged) enlarger.close();
    this.deck.arrange();
    if (clock === "step" || clock === "seconds") this.setClock(clock);
    this.scrub(at);
  }

  /** @param {number | null} at point in time that is shown, null for the newest */
  scrub(at) {
    this.time.at = at;
    this.drawTime();
  }

  /**
   * Shows the next picture of any panel, or the one before; after the newest the view is live.
   * @param {1 | -1} by 1 for the next one
   * @returns {boolean} whether there are any pictures
   */
  stepFrame(by) {
    const found = this.time.neighbour(by);
    if (found) this.scrub(found.at);
    return !!found;
  }

  /**
   * Lets axes and slider count steps or seconds. The slider stays at the same step of the first
   * run.
   * @param {Clock} clock what they count from now on
   */
  setClock(clock) {
    if (clock === this.time.clock) return;
    this.board.setZoom(null);
    this.time.count(clock, () => {
      this.report("clock", clock);
      this.report("step", this.time.at);
      this.draw();
    });
  }

  // --- drawing ---

  draw() {
    const runs = [...this.runs.values()];
    for (const run of runs) run.head.draw(run);
    const errors = runs.flatMap((run) => run.error ?? []);
    this.lost.hidden = !errors.length;
    this.lost.textContent = errors[0] ?? "";
    this.drawCharts();
    this.drawEvents();
    const nothing = "This run ended before it wrote its first numbers.";
    const status = runs[0]?.status;
    this.empty.hidden = this.deck.size > 0;
    this.empty.textContent = status === undefined ? "Loading…" : (EMPTY[status] ?? nothing);
    this.timeBar.root.hidden = !this.deck.size;
    this.drawTime();
  }

  drawCharts() {
    const begun = performance.now();
    /** @param {string} id @param {number} step */
    const toSeconds = (id, step) => this.time.onAxis(this.runs.get(id.split("/")[0]), step);
    const seconds = this.time.clock === "seconds" ? toSeconds : null;
    this.board.draw(this.chartEvents(), this.time.last(), seconds);
    this.root.dataset.redraw = (performance.now() - begun).toFixed(2);
  }

  /** @returns {ChartEvent[]} the events of all runs, as the charts show them */
  chartEvents() {
    return [...this.runs.values()].flatMap((run) =>
      run.events.map(({ step, level, label }) => {
        const isNamed = this.several && label && level !== "info";
        const text = isNamed ? `${run.title}: ${label}` : label;
        return { at: this.time.onAxis(run, step), level, label: text };
      }),
    );
  }

  drawEvents() {
    if (!this.hasNewEvents) return;
    this.hasNewEvents = false;
    this.deck.events.draw([...this.runs.values()]);
  }

  drawTime() {
    const { several, time } = this;
    const { live, clock } = time;
    const [last, shown] = [time.last(), time.shown()];
    const active = [...this.runs.values()].some((run) => isActive(run.status));
    this.timeBar.draw({ shown, last, live, active, clock, several });
    this.board.setMarker(live ? null : shown);
    for (const run of this.runs.values()) this.onTime(run.id, time.stepOf(run));
    for (const [name, panel] of this.deck.panels) {
      for (const [id, cell] of panel.cells) {
        const run = this.runs.get(id);
        if (!run) continue;
        const step = time.stepOf(run);
        cell.show(frameStep(run.frames[name] ?? [], step, several), step);
      }
    }
  }

  /** Chooses the colours for a light or a dark page. */
  followTheme() {
    const background = followTheme(this.root, this.background);
    if (background === this.background) return;
    this.background = background;
    const dark = this.root.classList.contains("gl-dark");
    this.bar.parentElement?.classList.toggle("gl-dark", dark);
    this.deck.redrawCells();
  }
}
