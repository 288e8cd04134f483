// The time slider, the button for the newest pictures, and the choice of steps or seconds.

import { make } from "../shared/dom.js";
import { grouped } from "../shared/format.js";

/** @import { Clock } from "./timeline.js" */

/** A run of arrow keys is reported when it has rested for so long, in milliseconds. */
const KEY_REST = 400;
/** @type {[Clock, string][]} */
const CLOCKS = [
  ["step", "steps"],
  ["seconds", "seconds"],
];

/**
 * @typedef {object} TimeBarListener
 * @property {(at: number | null) => void} scrub called while the slider moves; null for the newest
 * @property {() => void} commit called when the slider was let go
 * @property {(by: 1 | -1) => boolean} step called for the next picture or the one before; returns
 *   whether there are any pictures
 * @property {(clock: Clock) => void} clock called when steps or seconds were chosen
 */

/**
 * @typedef {object} TimeBarState
 * @property {number} shown point in time that is shown
 * @property {number} last end of the slider
 * @property {boolean} live whether the newest pictures are shown
 * @property {boolean} active whether any run may still change
 * @property {Clock} clock what the slider counts
 * @property {boolean} several whether there are several runs, which can be compared by seconds
 */

/** The time slider. */
export class TimeBar {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  resting = undefined;

  /**
   * @param {ParentNode} parent where it is appended
   * @param {TimeBarListener} on what happens when it is used
   */
  constructor(parent, on) {
    this.on = on;
    this.root = make("div", { class: "gl-slider", hidden: "" }, parent);
    this.root.title = "Arrow keys: the next picture or the one before. Space: pause and resume.";
    make("label", { for: "gl-time" }, this.root, "Step shown");
    const label = "Step shown in every picture";
    const range = { id: "gl-time", type: "range", min: 0, max: 1, step: 1, "aria-label": label };
    this.slider = make("input", range, this.root);
    this.output = make("output", { for: "gl-time" }, this.root);
    const button = { type: "button", class: "gl-live", "aria-pressed": "true" };
    this.liveButton = make("button", button, this.root, "Live");
    this.addClocks();
    this.slider.addEventListener("input", () => on.scrub(Number(this.slider.value)));
    this.slider.addEventListener("change", () => on.commit());
    this.slider.addEventListener("keydown", (event) => this.handleKey(event));
    this.liveButton.addEventListener("click", () => {
      on.scrub(null);
      on.commit();
    });
  }

  addClocks() {
    const label = "What the slider and the charts count";
    const group = { class: "gl-clock", role: "group", "aria-label": label, hidden: "" };
    this.clockBox = make("div", group, this.root);
    this.clockBox.title =
      "Seconds of real time since the first step of each run, without pauses. " +
      "Runs that train at the same time share the processor.";
    this.clockButtons = CLOCKS.map(([clock, title]) => {
      const looks = { type: "button", class: "gl-small", "data-clock": clock };
      const button = make("button", looks, this.clockBox, title);
      button.addEventListener("click", () => this.on.clock(clock));
      return button;
    });
  }

  /** @param {KeyboardEvent} event of the slider */
  handleKey(event) {
    const isBack = event.key === "ArrowLeft" || event.key === "ArrowDown";
    const isForward = event.key === "ArrowRight" || event.key === "ArrowUp";
    if ((!isBack && !isForward) || event.shiftKey) return;
    if (!this.on.step(isForward ? 1 : -1)) return;
    event.preventDefault();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.on.commit(), KEY_REST);
  }

  /**
   * Shows a point in time.
   * @param {TimeBarState} state what is shown
   */
  draw({ shown, last, live, active, clock, several }) {
    const isSeconds = clock === "seconds";
    this.slider.step = isSeconds ? "any" : "1";
    this.slider.max = String(last);
    this.slider.value = String(shown);
    if (this.clockBox) this.clockBox.hidden = !several;
    for (const button of this.clockButtons ?? []) {
      button.setAttribute("aria-pressed", String(button.dataset.clock === clock));
    }
    const words = isSeconds ? `${shown.toFixed(1)} s` : `step ${grouped(shown)}`;
    if (this.output.textContent !== words) this.output.textContent = words;
    this.slider.setAttribute("aria-valuetext", words);
    this.liveButton.setAttribute("aria-pressed", String(live));
    this.liveButton.textContent = active ? "Live" : "Latest";
  }
}
