// The card below the charts: the events of all runs, newest first.

import { make } from "../shared/dom.js";
import { grouped } from "../shared/format.js";
import { newestEvents } from "./run.js";

/** @import { LiveRun } from "./run.js" */

/** So many events are listed. */
const MOST = 100;

/** The card with the events. */
export class EventCard {
  constructor() {
    const looks = { class: "gl-card gl-wide gl-notes", "aria-label": "Events", hidden: "" };
    this.card = make("section", looks);
    make("h2", {}, make("header", {}, this.card), "Events");
    const note = "what changed the course of the run, newest first";
    make("p", { class: "gl-note" }, this.card, note);
    this.list = make("ol", {}, this.card);
  }

  /**
   * Lists the events.
   * @param {LiveRun[]} runs whose events are listed
   */
  draw(runs) {
    const events = newestEvents(runs, MOST);
    this.card.hidden = !events.length;
    this.list.replaceChildren(
      ...events.map(({ step, level, message, title }) => {
        const line = make("li", { "data-level": level });
        make("time", {}, line, `step ${grouped(step)}`);
        make("span", {}, line, runs.length > 1 ? `${title}: ${message}` : message);
        return line;
      }),
    );
  }
}
