// The line above the charts for each run: name, status, progress, and what went wrong.

import { make } from "../shared/dom.js";
import { duration, grouped } from "../shared/format.js";

/** @import { LiveRun } from "./run.js" */
/** @import { Mark } from "../shared/roles.js" */

/**
 * Writes where a run stands.
 * @param {Pick<LiveRun, "status" | "step" | "steps" | "speed" | "eta" | "position"> &
 *   { wait?: number | null }} run the run
 * @returns {string} for example "step 200 of 1,000 · 25 steps/s · 32 s left"
 */
export function progressText({ status, step, steps, speed, eta, position, wait = null }) {
  const parts = [`step ${grouped(step)} of ${grouped(steps)}`];
  const isRunning = status === "running";
  if (isRunning && speed > 0) {
    parts.push(`${speed >= 10 ? Math.round(speed) : speed.toPrecision(2)} steps/s`);
  }
  if (isRunning && eta !== null && eta !== undefined) parts.push(`${duration(eta)} left`);
  if (status === "queued" && position) parts.push(`position ${position} in the queue`);
  if (status === "queued" && wait !== null) {
    parts.push(wait > 0 ? `starts in about ${duration(wait)}` : "starts now");
  }
  return parts.join(" · ");
}

/** The elements with name and status of a run. */
export class RunHead {
  /** @param {ParentNode} parent where they are appended */
  constructor(parent) {
    this.root = make("div", { class: "gl-run" }, parent);
    const name = make("span", { class: "gl-name" }, this.root);
    make("i", {}, name);
    this.name = make("span", {}, name);
    this.state = make("span", { class: "gl-state" }, this.root);
    const label = "Progress of the run";
    const looks = { max: 1, value: 0, "aria-label": label };
    this.progress = make("progress", looks, this.root);
    this.message = make("div", { class: "gl-message", role: "status", hidden: "" }, this.root);
  }

  /**
   * Sets what does not change while the run trains.
   * @param {string} title of the run
   * @param {string} colour of the run, a CSS value
   * @param {Mark} mark of the run
   */
  setName(title, colour, mark) {
    this.root.style.setProperty("--gl-run", colour);
    this.root.dataset.mark = mark;
    this.name.textContent = title;
  }

  /**
   * Shows where the run stands.
   * @param {LiveRun} run the run
   */
  draw(run) {
    if (run.status === undefined) {
      this.state.textContent = run.error ? "" : "Loading…";
      return;
    }
    this.root.dataset.status = run.status;
    const words = document.createTextNode(progressText(run));
    this.state.replaceChildren(make("b", {}, null, run.status), words);
    this.progress.max = run.steps;
    this.progress.value = run.step;
    this.message.hidden = !run.message;
    this.message.textContent = run.message;
  }
}
