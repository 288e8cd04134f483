// The time bar below a map with several snapshots: a slider, and a button that plays them.

import { make } from "../shared/dom.js";
import { grouped } from "../shared/format.js";

/** Milliseconds from one snapshot to the next. */
const SNAPSHOT = 600;

/** Plays the snapshots of a map. */
export class Player {
  /** Index of the snapshot that is shown; a fraction lies between two of them. */
  at = 0;
  count = 1;
  /** @type {number[]} */
  steps = [];
  /** Request for the next frame, 0 while it rests. */
  timer = 0;

  /**
   * @param {ParentNode} parent where the time bar is appended
   * @param {(at: number) => void} show shows a snapshot
   */
  constructor(parent, show) {
    this.showAt = show;
    this.root = make("div", { class: "gl-time", hidden: "" }, parent);
    this.button = make("button", { type: "button" }, this.root);
    const range = { type: "range", min: 0, step: "any", "aria-label": "Snapshot" };
    this.slider = make("input", range, this.root);
    this.stepText = make("output", {}, this.root);
    this.slider.addEventListener("input", () => {
      this.pause();
      this.show(Number(this.slider.value));
    });
    this.button.addEventListener("click", () => (this.timer ? this.pause() : this.play()));
  }

  /**
   * Sets which snapshots there are.
   * @param {number} count how many
   * @param {number[]} steps of the training, one for each
   */
  setSnapshots(count, steps) {
    this.count = count;
    this.steps = steps;
    this.root.hidden = count < 2;
    this.slider.max = String(count - 1);
  }

  /** @param {number} at index of the snapshot that is shown from now on */
  show(at) {
    this.at = Math.min(at, this.count - 1);
    this.slider.value = String(this.at);
    const step = this.steps[Math.round(this.at)];
    if (step !== undefined) this.stepText.textContent = `step ${grouped(step)}`;
    this.button.textContent = this.timer ? "Pause" : "Play";
    this.showAt(this.at);
  }

  /** Plays the snapshots, from the beginning after the last one. */
  play() {
    if (this.at >= this.count - 1) this.at = 0;
    let last = performance.now();
    /** @param {number} now */
    const advance = (now) => {
      const next = this.at + Math.max(0, now - last) / SNAPSHOT;
      last = now;
      this.timer = next >= this.count - 1 ? 0 : requestAnimationFrame(advance);
      this.show(next);
    };
    this.timer = requestAnimationFrame(advance);
    this.show(this.at);
  }

  pause() {
    cancelAnimationFrame(this.timer);
    this.timer = 0;
    this.show(this.at);
  }
}
