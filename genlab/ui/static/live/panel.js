// A card with the pictures of one panel, one cell for each run.

import { make } from "../shared/dom.js";
import { Card } from "./card.js";
import { Cell } from "./cell.js";
import { WIDE } from "./forms.js";

/** @import { CardListener } from "./card.js" */
/** @import { LiveRun } from "./run.js" */
/** @import { ViewState } from "./view_state.js" */
/** @import { ViewInfo } from "./wire" */

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
   * @param {ViewInfo} info where it stands and what one sees in it
   * @param {ViewState} viewState how the page is looked at
   * @param {CardListener} on what happens when its buttons are pressed
   */
  constructor(parent, name, info, viewState, on) {
    this.name = name;
    this.viewState = viewState;
    const title = name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");
    this.card = new Card(parent, `panel:${name}`, title, info, on);
    this.card.takeables = () => [...this.cells.values()].filter((cell) => cell.frame);
    this.box = make("div", { class: "gl-cells" }, this.card.root);
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
      header: this.card.at,
      viewState: this.viewState,
      onFrame: (frame, { note }) => {
        this.titles.set(run.id, frame.title || this.name);
        this.card.setTitle([...new Set(this.titles.values())].join(" · "));
        this.card.setView(this.card.view);
        (note ?? this.card.note).textContent = frame.note || "";
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
    this.card.root.classList.toggle("gl-wide", this.cells.size > 1 || WIDE.has(this.form));
  }
}
