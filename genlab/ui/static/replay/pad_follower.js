// A pad whose decoder is that of the step nearest to the slider.

import { mount as mountPad } from "../explore/pad.js";
import { make } from "../shared/dom.js";
import { grouped } from "../shared/format.js";

/** @import { Source } from "../shared/source.js" */
/** @import { PadData } from "../explore/wire" */

/** @typedef {{ id: string, title: string, steps: number[] }} PadInfo a run, its decoders */

/**
 * Chooses the step nearest to one, the earlier of two.
 * @param {number[]} steps in ascending order
 * @param {number | null} step wanted, null for the newest
 */
export function nearestStep(steps, step) {
  if (step === null) return steps[steps.length - 1];
  return steps.reduce((best, one) => (Math.abs(one - step) < Math.abs(best - step) ? one : best));
}

/** A pad that follows the slider. */
export class PadFollower {
  /** Step of the decoder that is shown. @type {number | null} */
  shown = null;
  /** @type {Promise<Omit<PadData, "program" | "weights" | "dots">>} */
  plane;

  /**
   * @param {ParentNode} parent where it is appended
   * @param {PadInfo} info the run, and the steps of its decoders
   * @param {Source} source of the file
   */
  constructor(parent, info, source) {
    this.info = info;
    this.source = source;
    const section = make("section", { class: "pad", "data-pad": info.id }, parent);
    this.title = make("h3", {}, section);
    this.place = make("div", {}, section);
    this.plane = source.fetch(`pad/${info.id}/plane.json`).then((reply) => reply.json());
    this.show(null);
  }

  /** @param {number | null} step of the slider, null for the newest */
  show(step) {
    const nearest = nearestStep(this.info.steps, step);
    if (nearest === this.shown) return;
    this.shown = nearest;
    this.title.textContent = `${this.info.title}, decoder after step ${grouped(nearest)}`;
    void this.mount(nearest);
  }

  /** @param {number} step of a decoder in the file */
  async mount(step) {
    const { id } = this.info;
    const dots = await this.source.fetch(`pad/${id}/${step}.json`);
    const data = { ...(await this.plane), ...(await dots.json()), n: 0 };
    if (this.shown !== step) return;
    const program = `genlab/decoder/${id}/${step}.json`;
    mountPad({
      data: { ...data, program, weights: `genlab/decoder/${id}/${step}.bin` },
      parentElement: this.place,
      setStateValue: () => {},
      setTriggerValue: () => {},
    });
  }
}
