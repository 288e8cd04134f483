// One run as the browser knows it: its status, its pictures and events, and how news is asked for.

import { grouped } from "../shared/format.js";
import { source } from "../shared/source.js";

import { TimeLeft } from "./time_left.js";

/** @import { ChartInfo, Delta, Level, RunEvent, RunTimes } from "./wire" */
/** @import { RunHead } from "./run_head.js" */

/** How long to wait after a failed request at first and at most, in milliseconds. */
const FIRST_DELAY = 1000;
const LONGEST_DELAY = 15000;
const TIMEOUT = 10000;
/** So often the times of a run are read again, in milliseconds. */
const TIMES_AGE = 2000;
/** So often a run that has ended is asked whether it is still there, in milliseconds. */
const CHECK = 8000;
const ACTIVE = new Set(["queued", "running", "paused"]);

/** @typedef {RunEvent & { label: string }} LabelledEvent an event with the label in its chart */

/**
 * Tells whether a run may still change.
 * @param {string | undefined} status of the run
 */
export function isActive(status) {
  return status !== undefined && ACTIVE.has(status);
}

/**
 * Chooses the label of an event in the charts.
 * @param {RunEvent} event the event
 * @param {string} status of the run
 * @returns {string} the label; empty where the event has only a line
 */
export function eventLabel(event, status) {
  if (event.level === "info") return event.label ?? "";
  const isEnd = event.level === "error" && status === "diverged";
  return isEnd ? `diverged at step ${grouped(event.step)}` : event.message.slice(0, 60);
}

/**
 * Adds an event unless it is known.
 * @param {LabelledEvent[]} events known events; changed in place
 * @param {LabelledEvent} event the new one
 * @returns {boolean} whether it was added
 */
export function addEvent(events, event) {
  const isKnown = events.some((known) => {
    if (event.level !== "info") return known.label === event.label;
    return known.message === event.message && known.step === event.step;
  });
  if (!isKnown) events.push(event);
  return !isKnown;
}

/**
 * Joins lists of steps.
 * @param {number[]} known steps
 * @param {number[]} added steps
 * @returns {number[]} both without repetition, in ascending order
 */
export function mergeSteps(known, added) {
  return [...new Set([...known, ...added])].sort((a, b) => a - b);
}

/** One run as the browser knows it. */
export class LiveRun {
  title = "";
  index = 0;
  colour = "";
  /** @type {import("../shared/roles.js").Mark} */
  mark = "square";
  /** Status and attempt as the page around the view knows them. */
  wake = "";
  /** Status and attempt that were last reported to the page. */
  reported = "";
  /** Number of the last record that was read; 0 asks for everything. */
  cursor = 0;
  /** @type {string | undefined} */
  status = undefined;
  step = 0;
  steps = 0;
  speed = 0;
  /** Seconds left, null while the speed has not settled. @type {number | null} */
  eta = null;
  timeLeft = new TimeLeft();
  /** Seconds until a queued run begins, null where that is unknown. @type {number | null} */
  wait = null;
  /** @type {number | null} */
  position = null;
  message = "";
  attempt = 0;
  /** Groups of its numbers. @type {ChartInfo[]} */
  charts = [];
  /** Steps that have a picture, by panel. @type {Record<string, number[]>} */
  frames = {};
  /** @type {LabelledEvent[]} */
  events = [];
  /** Whether it has ended and was read to its end. */
  over = false;
  /** Whether it is no longer there: it was deleted. */
  isGone = false;
  /** When it was last asked after its end, in milliseconds of the page. */
  lastCheck = 0;
  /** @type {string | null} */
  error = null;
  busy = false;
  delay = FIRST_DELAY;
  /** When it may be asked again, in milliseconds of the page. */
  due = 0;
  /** @type {RunTimes | null} */
  times = null;
  timesRead = 0;
  timesOver = false;

  /**
   * @param {string} id of the run
   * @param {RunHead} head the elements with its name and status
   */
  constructor(id, head) {
    this.id = id;
    this.head = head;
  }

  /** Forgets what was read, so that the next answer has everything. */
  forget() {
    this.cursor = 0;
    this.frames = {};
    this.events = [];
    this.over = false;
    this.due = 0;
  }

  /**
   * Asks for what is new.
   * @returns {Promise<Delta | null>} the news; null where there are none because of an error, which
   *   is then in `error`
   */
  async fetchDelta() {
    if (this.busy) return null;
    this.busy = true;
    try {
      const path = `genlab/runs/${encodeURIComponent(this.id)}/delta?since=${this.cursor}`;
      const reply = await source().fetch(path, {
        cache: "no-cache",
        signal: AbortSignal.timeout(TIMEOUT),
      });
      const news = await reply.json();
      if (reply.status === 404) {
        this.over = true;
        this.isGone = true;
        this.error = news.error;
        return null;
      }
      if (!reply.ok) throw new Error(news.error);
      this.delay = FIRST_DELAY;
      this.due = 0;
      this.error = null;
      return news;
    } catch {
      this.error = "Connection lost, trying again…";
      this.delay = Math.min(LONGEST_DELAY, this.delay * 2);
      this.due = performance.now() + this.delay;
      return null;
    } finally {
      this.busy = false;
    }
  }

  /**
   * Tells whether a run that has ended should be asked whether it is still there, or goes on.
   * @param {number} now in milliseconds of the page
   */
  shouldCheck(now) {
    return this.over && !this.isGone && now - this.lastCheck > CHECK;
  }

  /** Asks whether a run that has ended is still there, or was resumed on another page. */
  async check() {
    this.lastCheck = performance.now();
    const { over, cursor } = this;
    const news = await this.fetchDelta();
    if (!news || !over || cursor === 0) return;
    if (news.attempt !== this.attempt || isActive(news.status)) {
      this.over = false;
      this.due = 0;
    }
  }

  /**
   * Takes over the status from an answer.
   * @param {Delta} news the answer
   * @returns {"full" | "part" | "again"} whether the answer has everything, only what is new, or
   *   must be asked for once more from the beginning: after a resumption and at the end
   */
  takeStatus(news) {
    const isFull = this.cursor === 0;
    const again = !isFull && (news.attempt !== this.attempt || !isActive(news.status));
    // The numbers of a step may be here before the run's next status: it does not go back then.
    this.step = isFull || again ? news.step : Math.max(news.step, this.step);
    this.status = news.status;
    this.steps = news.steps;
    this.speed = news.speed;
    if (news.status === "running") this.timeLeft.add(performance.now(), this.step);
    else this.timeLeft.reset();
    this.eta = this.timeLeft.seconds(news.steps);
    this.position = news.position;
    this.wait = news.wait ?? null;
    this.message = news.message;
    this.attempt = news.attempt;
    if (again) this.cursor = 0;
    return again ? "again" : isFull ? "full" : "part";
  }

  /**
   * Takes over events from an answer.
   * @param {Delta} news the answer
   * @returns {boolean} whether any was new
   */
  takeEvents(news) {
    let isNew = false;
    for (const event of news.events ?? []) {
      const label = eventLabel(event, news.status);
      if (addEvent(this.events, { ...event, label })) isNew = true;
    }
    return isNew;
  }

  /** Reads when each step was, unless that is known already. */
  async fetchTimes() {
    const now = performance.now();
    if (this.times && (this.timesOver || now - this.timesRead < TIMES_AGE)) return;
    const { over } = this;
    try {
      const path = `genlab/runs/${encodeURIComponent(this.id)}/clock`;
      const reply = await source().fetch(path, {
        cache: "no-cache",
        signal: AbortSignal.timeout(TIMEOUT),
      });
      if (!reply.ok) return;
      this.times = await reply.json();
      this.timesRead = now;
      this.timesOver = over;
    } catch {
      // The next call asks again; until then the known times serve.
    }
  }
}

/**
 * Gives the events of several runs in the order of the list below the charts.
 * @param {Iterable<{ events: LabelledEvent[], title: string }>} runs the runs
 * @param {number} most events that are wanted
 * @returns {{ step: number, level: Level, message: string, title: string }[]} the newest first
 */
export function newestEvents(runs, most) {
  const all = [...runs].flatMap(({ events, title }) =>
    events.map(({ step, level, message }, order) => ({ step, level, message, title, order })),
  );
  all.sort((a, b) => b.step - a.step || b.order - a.order);
  return all.slice(0, most);
}
