// The point in time that a live view shows, on an axis of steps or of seconds of training.

import { mergeSteps } from "./run.js";
import { axisToStep, neighbourFrame, stepToAxis } from "./timeline.js";

/** @import { LiveRun } from "./run.js" */
/** @import { Clock } from "./timeline.js" */

/** The point in time that is shown. */
export class TimeAxis {
  /** Null for the newest. @type {number | null} */
  at = null;
  /** What the axis counts. @type {Clock} */
  clock = "step";

  /** @param {() => LiveRun[]} runs gives the runs in the order of the page */
  constructor(runs) {
    this.runs = runs;
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
    const ends = this.runs().map((run) => this.onAxis(run, run.step));
    return Math.max(this.clock === "seconds" ? 0.1 : 1, ...ends);
  }

  /** Tells whether the newest is shown. */
  get live() {
    return this.at === null || this.at === undefined;
  }

  /** Gives the place on the axis that is shown. */
  shown() {
    const last = this.last();
    return this.at === null || this.at === undefined ? last : Math.min(this.at, last);
  }

  /**
   * Tells which step of a run is shown.
   * @param {LiveRun} run the run
   * @returns {number | null} null for the newest
   */
  stepOf({ times }) {
    return this.live ? null : axisToStep(this.clock, times, this.shown());
  }

  /**
   * Finds the next picture of any panel, or the one before; after the newest the view is live.
   * @param {1 | -1} by 1 for the next one
   * @returns {{ at: number | null } | null} where it is; null if there are no pictures
   */
  neighbour(by) {
    const steps = this.runs().flatMap((run) => {
      return Object.values(run.frames).flatMap((known) => known.map((s) => this.onAxis(run, s)));
    });
    return steps.length ? { at: neighbourFrame(mergeSteps([], steps), this.at, by) } : null;
  }

  /**
   * Counts steps or seconds from now on; the first run stays at the same step.
   * @param {Clock} clock what is counted
   * @param {() => void} done called when it is known where that is, at once for steps
   */
  count(clock, done) {
    const [first] = this.runs();
    const { at } = this;
    const step = at === null || !first ? null : axisToStep(this.clock, first.times, at);
    this.clock = clock;
    const finish = () => {
      this.at = step === null ? null : this.onAxis(first, Math.round(step));
      done();
    };
    if (clock === "step") finish();
    else void Promise.all(this.runs().map((run) => run.fetchTimes())).then(finish);
  }
}
