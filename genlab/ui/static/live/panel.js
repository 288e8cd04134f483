// A card with the pictures of one panel, one cell for each run.

import { make } from "../shared/dom.js";
import { Cell } from "./cell.js";

/** @import { LiveRun } from "./run.js" */

/** Forms whose card is as wide as the page. */
const WIDE = new Set(["gap", "ledger", "line"]);

/** A card with the pictures of one panel. */
export class Panel {
  /** Titles by run. @type {Map<string, string>} */
  titles = new Map();
  /** Cells by run. @type {Map<string, Cell>} */
  cells = new Map();
  form = "";

  /**
   * @param {ParentNode} parent where the card is appended
   * @param {string} name of the panel
   */
  constructor(parent, name) {
    this.name = name;
    this.card = make("section", { class: "gl-card", "data-panel": name }, parent);
    this.header = make("header", {}, this.card);
    this.title = make("h2", {}, this.header, name);
    this.note = make("p", { class: "gl-note" }, this.card);
    this.box = make("div", { class: "gl-cells" }, this.card);
  }

  /**
   * Adds the cell of a run.
   * @param {LiveRun} run the run
   * @param {boolean} several whether there are several runs
   * @returns {Cell} the cell
   */
  addCell(run, several) {
    const cell = new Cell(this.box, run, this.name, {
      several,
      header: this.header,
      onFrame: (frame, { note }) => {
        this.titles.set(run.id, frame.title || this.name);
        this.title.textContent = [...new Set(this.titles.values())].join(" · ");
        this.card.setAttribute("aria-label", this.title.textContent);
        (note ?? this.note).textContent = frame.note || "";
        this.form = frame.form;
        this.setWidth();
      },
    });
    this.cells.set(run.id, cell);
    cell.figure.style.order = String(run.index);
    this.setWidth();
    return cell;
  }

  /** Makes the card as wide as the page for several runs and for wide forms. */
  setWidth() {
    this.card.classList.toggle("gl-wide", this.cells.size > 1 || WIDE.has(this.form));
  }
}
