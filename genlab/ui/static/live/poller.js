// When a live view asks its runs for news: once a second, and more often while each step is to be
// seen (slow motion, or a button was just pressed).

/** @import { LiveRun } from "./run.js" */

/** Time between two requests in milliseconds: usually, in slow motion, and after a click or key. */
const USUAL = 1000;
const SLOW_MOTION = 250;
const AFTER_INPUT = 120;
/** Up to so many steps a second each one is followed. */
const SLOW_SPEED = 40;
/** So long after a click or key the view asks more often, in milliseconds. */
const INPUT_LASTS = 3000;

/**
 * @typedef {object} PollListener
 * @property {() => LiveRun[]} runs gives the runs that are asked
 * @property {() => void} begin called before each round
 * @property {(run: LiveRun) => Promise<boolean>} askRun asks a run; tells whether there was news
 * @property {(run: LiveRun) => void} gone called for a run that is no longer there
 * @property {() => void} draw called when there was news
 * @property {(event: KeyboardEvent) => void} key called for each key that is pressed on the page
 */

/** Asks the runs of a view for news, until it is stopped. */
export class Poller {
  /** Whether everything must be asked for at once. */
  asksAtOnce = false;
  /** When the last click or key was, in milliseconds of the page. */
  lastInput = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer = undefined;
  /** Number of the newest round of requests. */
  round = 0;

  /** @param {PollListener} on what is asked, and what happens then */
  constructor(on) {
    this.on = on;
  }

  /** Asks at once, and from then on by the clock. */
  start() {
    this.stopListening();
    document.addEventListener("visibilitychange", this.onVisible);
    document.addEventListener("click", this.onInput, true);
    document.addEventListener("keydown", this.onKey);
    this.wake();
  }

  /** Stops while the view is not on the page. */
  stop() {
    clearTimeout(this.timer);
    this.stopListening();
  }

  onVisible = () => {
    if (!document.hidden) this.wake();
  };

  onInput = () => {
    this.lastInput = performance.now();
    this.plan();
  };

  /** @param {KeyboardEvent} event of any element of the page */
  onKey = (event) => {
    this.onInput();
    this.on.key(event);
  };

  stopListening() {
    document.removeEventListener("visibilitychange", this.onVisible);
    document.removeEventListener("click", this.onInput, true);
    document.removeEventListener("keydown", this.onKey);
  }

  /** Asks at once. */
  wake() {
    clearTimeout(this.timer);
    void this.ask();
  }

  /** Plans the next request. */
  plan() {
    clearTimeout(this.timer);
    const after = this.asksAtOnce ? 0 : pauseBetween(this.on.runs(), this.sinceInput());
    this.timer = setTimeout(() => void this.ask(), after);
  }

  /** Gives the time since the last click or key, in milliseconds. */
  sinceInput() {
    return performance.now() - this.lastInput;
  }

  async ask() {
    const round = ++this.round;
    this.asksAtOnce = false;
    this.on.begin();
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
    const ended = this.on.runs().filter((run) => run.shouldCheck(now));
    await Promise.all(ended.map((run) => run.check()));
    for (const run of ended) if (run.isGone) this.on.gone(run);
    const due = this.on.runs().filter((run) => !run.over && run.due <= now + 50);
    const news = await Promise.all(due.map((run) => this.on.askRun(run)));
    if (news.some(Boolean) || (due.length && this.round === round)) this.on.draw();
  }
}

/**
 * Gives the time until the next request.
 * @param {Pick<LiveRun, "over" | "status" | "speed">[]} runs that are asked
 * @param {number} sinceInput time since the last click or key, in milliseconds
 * @returns {number} in milliseconds
 */
export function pauseBetween(runs, sinceInput) {
  if (runs.every((run) => run.over)) return USUAL;
  if (sinceInput < INPUT_LASTS) return AFTER_INPUT;
  const isSlow = runs.some((run) => run.status === "running" && run.speed <= SLOW_SPEED);
  return isSlow ? SLOW_MOTION : USUAL;
}
