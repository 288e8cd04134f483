// The live view: one dashboard for one run, or for several laid over each other. It asks the server
// for news once a second and changes its elements in place; Streamlit reruns nothing. While each
// step is to be seen (slow motion, or a button was just pressed) it asks more often.

import { isDark, readColour } from "../shared/colours.js";
import { RUN_MARKS } from "../shared/roles.js";
import { make } from "../shared/dom.js";
import { announceMoment, onFollow } from "../shared/moment.js";
import { ChartBoard, COLOURS } from "./chart_board.js";
import { onBarPlace } from "./bar_places.js";
import { Enlarger } from "./enlarge.js";
import { EventCard } from "./event_card.js";
import { WIDE } from "./forms.js";
import { sharedNames, splitGroup } from "./groups.js";
import { isFreeSpace } from "./keys.js";
import { layOut, putFirst } from "./layout.js";
import { Panel } from "./panel.js";
import { Presenter } from "./present.js";
import { isActive, LiveRun, mergeSteps } from "./run.js";
import { RunHead } from "./run_head.js";
import { Sections } from "./sections.js";
import { TimeBar } from "./time_bar.js";
import { axisToStep, frameStep, neighbourFrame, stepToAxis } from "./timeline.js";
import { formatView, toggled, ViewState } from "./view_state.js";
import { CellObserver } from "./visibility.js";

/** @import { Card } from "./card.js" */
/** @import { Delta, LiveData, ViewInfo } from "./wire" */
/** @import { Clock } from "./timeline.js" */
/** @import { Moment } from "../shared/moment.js" */
/** @import { ChartEvent } from "./chart.js" */
/** @import { Component } from "../shared/component" */

/** Time between two requests in milliseconds: usually, in slow motion, and after a click or key. */
const USUAL = 1000;
const SLOW_MOTION = 250;
const AFTER_INPUT = 120;
/** Up to so many steps a second each one is followed. */
const SLOW_SPEED = 40;
/** So long after a click or key the view asks more often, in milliseconds. */
const INPUT_LASTS = 3000;
/** What stands where a run has no numbers yet. @type {Record<string, string>} */
const EMPTY = {
  queued: "This run waits in the queue. It starts as soon as a worker is free.",
  running: "Waiting for the first numbers of this run…",
  paused: "This run was paused before its first numbers. Resume it, or take one step.",
};

/** Where a panel stands that no probe declares. @type {ViewInfo} */
const UNKNOWN = { section: "quality", sees: "", lesson: "", rank: 0 };
/** Group that has the events at its end. */
const EVENTS = "learning";

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
  /** Views of the panels by name. @type {Record<string, ViewInfo>} */
  views = {};
  /** Key of the place that the bar has, empty where it stands above the cards. */
  barKey = "";
  /** Shows one card at a time, where that is asked for. @type {Presenter | null} */
  presenter = null;
  /** Names of the numbers that several runs have. @type {string[]} */
  shared = [];
  /** @type {Map<string, Panel>} */
  panels = new Map();
  /** Point in time that is shown, null for the newest. @type {number | null} */
  at = null;
  /** What the axes and the slider count. @type {Clock} */
  clock = "step";
  /** Whether the set of runs has changed. */
  stale = false;
  /** Whether everything must be asked for at once. */
  asksAtOnce = false;
  hasNewEvents = false;
  /** When the last click or key was, in milliseconds of the page. */
  lastInput = -Infinity;
  /** Background that the colours were chosen for. */
  background = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer = undefined;
  /** Number of the newest round of requests. */
  round = 0;
  visibility = new CellObserver();
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
      commit: () => this.report("step", this.at),
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
      this.showView();
      this.announce();
    });
    this.sections = new Sections(this.root, (name) => {
      this.viewState.change({ open: toggled(this.viewState.open, name) });
      this.arrange();
    });
    this.enlarger = new Enlarger((id) => this.viewState.change({ enlarged: id }));
    this.onCard = {
      enlarge: (/** @type {Card} */ card) => this.enlarger.toggle(card),
      putFirst: (/** @type {Card} */ card) => {
        this.viewState.setOrder(putFirst(this.viewState.order, card.id));
        this.arrange();
      },
    };
    const pick = this.pick.bind(this);
    this.board = new ChartBoard(this.sections.first, pick, this.viewState, this.onCard);
    this.events = new EventCard();
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
    this.views = data.panels ?? {};
    for (const form of data.wide ?? []) WIDE.add(form);
    this.sections.setGroups(data.sections ?? {});
    this.placeBar(data.bar ?? "");
    this.setPresent(!!data.present);
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
      this.at = data.step;
      this.clock = data.clock ?? "step";
      this.viewState.read(data.view ?? {});
      this.rebuild();
      onFollow(this.runNames, (moment) => this.follow(moment));
    }
    this.stopListening();
    document.addEventListener("visibilitychange", this.onVisible);
    document.addEventListener("click", this.onInput, true);
    document.addEventListener("keydown", this.onKey);
    this.wake();
  }

  /** @param {boolean} present whether one card at a time fills the window */
  setPresent(present) {
    this.root.classList.toggle("gl-present", present);
    const show = (/** @type {string} */ id) => {
      this.viewState.change({ enlarged: id });
      this.arrange();
    };
    this.presenter = present ? (this.presenter ?? new Presenter(show)) : null;
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

  onVisible = () => {
    if (!document.hidden) this.wake();
  };

  onInput = () => {
    this.lastInput = performance.now();
    this.plan();
  };

  /**
   * The space bar pauses and resumes, wherever nothing else takes it.
   * @param {KeyboardEvent} event of any element of the page
   */
  onKey = (event) => {
    this.onInput();
    if (this.presenter?.handleKey(event)) return;
    if (!this.play || !isFreeSpace(event)) return;
    event.preventDefault();
    this.play();
  };

  stopListening() {
    document.removeEventListener("visibilitychange", this.onVisible);
    document.removeEventListener("click", this.onInput, true);
    document.removeEventListener("keydown", this.onKey);
  }

  /** Stops while the view is not on the page. */
  rest() {
    clearTimeout(this.timer);
    this.stopListening();
  }

  /** Makes charts and panels anew from full answers, because the set of runs has changed. */
  rebuild() {
    this.board.clear();
    for (const panel of this.panels.values()) panel.card.close();
    this.panels.clear();
    for (const run of this.runs.values()) run.forget();
    this.hasNewEvents = true;
    this.heads.replaceChildren(...this.sortedRuns().map((run) => run.head.root));
  }

  // --- asking for news ---

  /** Asks at once. */
  wake() {
    clearTimeout(this.timer);
    void this.ask();
  }

  /** Plans the next request. */
  plan() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.ask(), this.asksAtOnce ? 0 : this.pause());
  }

  /** Gives the time until the next request, in milliseconds. */
  pause() {
    const runs = [...this.runs.values()];
    if (runs.every((run) => run.over)) return USUAL;
    if (performance.now() - this.lastInput < INPUT_LASTS) return AFTER_INPUT;
    const isSlow = runs.some((run) => run.status === "running" && run.speed <= SLOW_SPEED);
    return isSlow ? SLOW_MOTION : USUAL;
  }

  async ask() {
    const round = ++this.round;
    this.asksAtOnce = false;
    this.followTheme();
    try {
      if (!document.hidden) await this.askDue(round);
    } finally {
      if (this.round === round) this.plan();
    }
  }

  /**
   * Asks the runs whose time has come, and draws what they answer.
   * @param {number} round of requests; without news a newer one draws for itself
   */
  async askDue(round) {
    const now = performance.now();
    const ended = [...this.runs.values()].filter((run) => run.shouldCheck(now));
    await Promise.all(ended.map((run) => run.check()));
    for (const run of ended) if (run.isGone) this.reportGone(run);
    const due = [...this.runs.values()].filter((run) => !run.over && run.due <= now + 50);
    const news = await Promise.all(due.map((run) => this.askRun(run)));
    if (news.some(Boolean) || (due.length && this.round === round)) this.draw();
  }

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
    if (this.clock === "seconds") await run.fetchTimes();
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
      this.arrange();
      this.board.clearRun(run);
    }
    run.cursor = Math.max(news.seq ?? 0, run.cursor);
    run.over = !isActive(news.status);
    for (const { step, v } of news.rows ?? []) this.board.append(run, step, v);
    if (run.takeEvents(news)) this.hasNewEvents = true;
    for (const [panel, steps] of Object.entries(news.frames ?? {})) {
      run.frames[panel] = mergeSteps(run.frames[panel] ?? [], steps);
      this.addCells(panel);
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
    this.asksAtOnce = true;
    return true;
  }

  // --- charts and panels ---

  /** Gives all cards by their ids, in the order in which they came. */
  allCards() {
    const panels = [...this.panels.values()].map(({ card }) => card);
    const cards = [...panels, ...this.board.charts.map(({ card }) => card)];
    return new Map(cards.map((card) => [card.id, card]));
  }

  /** Brings the cards in order: a few at first sight, the others in their groups. */
  arrange() {
    const cards = this.allCards();
    const facts = [...cards.values()].map(({ id, view: { section, rank } }) => {
      return { id, section, rank };
    });
    const { order, open } = this.viewState;
    if (this.presenter) {
      const { first, groups } = layOut(facts, order);
      const ids = [...first, ...Object.values(groups).flat()];
      this.sections.draw(cards, { first: ids, groups: {} }, [], {});
      this.presenter.draw(cards, ids, this.viewState.facts.enlarged);
      this.showView();
      return;
    }
    const extra = { [EVENTS]: [this.events.card] };
    this.sections.draw(cards, layOut(facts, order), open, extra);
    const { enlarged } = this.viewState.facts;
    const large = cards.get(enlarged);
    if (large && this.enlarger.card !== large) this.enlarger.open(large);
    this.showView();
  }

  /** Draws anew what depends on how the page is looked at, or on where a card stands. */
  showView() {
    for (const panel of this.panels.values()) {
      for (const cell of panel.cells.values()) cell.redraw();
    }
    for (const chart of this.board.charts) chart.draw();
  }

  /**
   * Adds the cells of a panel that are missing.
   * @param {string} name of the panel
   */
  addCells(name) {
    let panel = this.panels.get(name);
    if (!panel) {
      const info = this.views[name] ?? UNKNOWN;
      panel = new Panel(this.sections.first, name, info, this.viewState, this.onCard);
      this.panels.set(name, panel);
      this.arrange();
    }
    for (const run of this.sortedRuns()) {
      if (!run.frames[name] || panel.cells.has(run.id)) continue;
      const cell = panel.addCell(run, this.several);
      this.visibility.observe(cell);
    }
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
    const { at, clock, runNames } = this;
    announceMoment({ run: runNames, at, clock, view: { ...formatView(this.viewState.facts) } });
  }

  /**
   * Shows what the teacher of a room shows.
   * @param {Moment} moment it
   */
  follow({ at, clock, view }) {
    this.viewState.read(view);
    if (this.enlarger.card && this.enlarger.card.id !== view.enlarged) this.enlarger.close();
    this.arrange();
    if (clock === "step" || clock === "seconds") this.setClock(clock);
    this.scrub(at);
  }

  /** @param {number | null} at point in time that is shown, null for the newest */
  scrub(at) {
    this.at = at;
    this.drawTime();
  }

  /**
   * Shows the next picture of any panel, or the one before; after the newest the view is live.
   * @param {1 | -1} by 1 for the next one
   * @returns {boolean} whether there are any pictures
   */
  stepFrame(by) {
    const steps = [...this.runs.values()].flatMap((run) => {
      return Object.values(run.frames).flatMap((known) => known.map((s) => this.onAxis(run, s)));
    });
    if (!steps.length) return false;
    this.scrub(neighbourFrame(mergeSteps([], steps), this.at, by));
    return true;
  }

  /**
   * Lets axes and slider count steps or seconds. The slider stays at the same step of the first
   * run.
   * @param {Clock} clock what they count from now on
   */
  setClock(clock) {
    if (clock === this.clock) return;
    const [first] = this.sortedRuns();
    const { at } = this;
    const step = at === null || !first ? null : axisToStep(this.clock, first.times, at);
    this.clock = clock;
    this.board.setZoom(null);
    const finish = () => {
      this.at = step === null ? null : this.onAxis(first, Math.round(step));
      this.report("clock", clock);
      this.report("step", this.at);
      this.draw();
    };
    if (clock === "step") finish();
    else void Promise.all([...this.runs.values()].map((run) => run.fetchTimes())).then(finish);
  }

  /**
   * Tells where a step is on the axis.
   * @param {LiveRun | undefined} run the run
   * @param {number} step its step
   */
  onAxis(run, step) {
    return stepToAxis(this.clock, run?.times ?? null, step);
  }

  /** Gives the end of the axis. */
  last() {
    const ends = [...this.runs.values()].map((run) => this.onAxis(run, run.step));
    return Math.max(this.clock === "seconds" ? 0.1 : 1, ...ends);
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
    this.empty.hidden = this.board.charts.length + this.panels.size > 0;
    this.empty.textContent = status === undefined ? "Loading…" : (EMPTY[status] ?? nothing);
    this.timeBar.root.hidden = !this.panels.size && !this.board.charts.length;
    this.drawTime();
  }

  drawCharts() {
    const begun = performance.now();
    /** @param {string} id @param {number} step */
    const toSeconds = (id, step) => this.onAxis(this.runs.get(id.split("/")[0]), step);
    const seconds = this.clock === "seconds" ? toSeconds : null;
    this.board.draw(this.chartEvents(), this.last(), seconds);
    this.root.dataset.redraw = (performance.now() - begun).toFixed(2);
  }

  /** @returns {ChartEvent[]} the events of all runs, as the charts show them */
  chartEvents() {
    return [...this.runs.values()].flatMap((run) =>
      run.events.map(({ step, level, label }) => {
        const isNamed = this.several && label && level !== "info";
        const text = isNamed ? `${run.title}: ${label}` : label;
        return { at: this.onAxis(run, step), level, label: text };
      }),
    );
  }

  drawEvents() {
    if (!this.hasNewEvents) return;
    this.hasNewEvents = false;
    this.events.draw([...this.runs.values()]);
  }

  drawTime() {
    const last = this.last();
    const live = this.at === null || this.at === undefined;
    const shown = this.at === null || this.at === undefined ? last : Math.min(this.at, last);
    const { clock, several } = this;
    const active = [...this.runs.values()].some((run) => isActive(run.status));
    this.timeBar.draw({ shown, last, live, active, clock, several });
    this.board.setMarker(live ? null : shown);
    for (const { id, times } of this.runs.values()) {
      this.onTime(id, live ? null : axisToStep(clock, times, shown));
    }
    for (const [name, panel] of this.panels) {
      for (const [id, cell] of panel.cells) {
        const run = this.runs.get(id);
        if (!run) continue;
        const step = live ? null : axisToStep(clock, run.times, shown);
        cell.show(frameStep(run.frames[name] ?? [], step, several), step);
      }
    }
  }

  /** Chooses the colours for a light or a dark page. */
  followTheme() {
    const background = getComputedStyle(this.root).getPropertyValue("--gl-back").trim();
    if (background === this.background) return;
    this.background = background;
    const dark = isDark(readColour(background));
    this.root.classList.toggle("gl-dark", dark);
    this.bar.parentElement?.classList.toggle("gl-dark", dark);
    for (const panel of this.panels.values()) {
      for (const cell of panel.cells.values()) cell.redraw();
    }
  }
}
