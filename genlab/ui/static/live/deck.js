// The cards of a live view, charts and panels: which there are, and in which order they stand.

import { ChartBoard } from "./chart_board.js";
import { Enlarger } from "./enlarge.js";
import { EventCard } from "./event_card.js";
import { layOut, putFirst } from "./layout.js";
import { Panel } from "./panel.js";
import { Presenter } from "./present.js";
import { Sections } from "./sections.js";
import { toggled } from "./view_state.js";
import { CellObserver } from "./visibility.js";

/** @import { Card } from "./card.js" */
/** @import { LiveRun } from "./run.js" */
/** @import { ViewInfo } from "./wire" */
/** @import { ViewState } from "./view_state.js" */

/** Where a panel stands that no probe declares. @type {ViewInfo} */
const UNKNOWN = { section: "quality", sees: "", lesson: "", rank: 0 };
/** Group that has the events at its end. */
const EVENTS = "learning";

/** The cards of a live view. */
export class Deck {
  /** Views of the panels by name. @type {Record<string, ViewInfo>} */
  views = {};
  /** @type {Map<string, Panel>} */
  panels = new Map();
  /** Shows one card at a time, where that is asked for. @type {Presenter | null} */
  presenter = null;
  visibility = new CellObserver();
  events = new EventCard();

  /**
   * @param {HTMLElement} root of the view
   * @param {ViewState} viewState how the page is looked at
   * @param {(at: number) => void} pick called with the point in time that was chosen in a chart
   */
  constructor(root, viewState, pick) {
    this.root = root;
    this.viewState = viewState;
    this.sections = new Sections(root, (name) => {
      viewState.change({ open: toggled(viewState.open, name) });
      this.arrange();
    });
    this.enlarger = new Enlarger((id) => viewState.change({ enlarged: id }));
    this.onCard = {
      enlarge: (/** @type {Card} */ card) => this.enlarger.toggle(card),
      putFirst: (/** @type {Card} */ card) => {
        viewState.setOrder(putFirst(viewState.order, card.id));
        this.arrange();
      },
    };
    this.board = new ChartBoard(this.sections.first, pick, viewState, this.onCard);
  }

  /** Tells how many cards there are. */
  get size() {
    return this.board.charts.length + this.panels.size;
  }

  /** Removes all cards. */
  clear() {
    this.board.clear();
    for (const panel of this.panels.values()) panel.card.close();
    this.panels.clear();
  }

  /** @param {boolean} present whether one card at a time fills the window */
  setPresent(present) {
    this.root.classList.toggle("gl-present", present);
    const show = (/** @type {string} */ id) => {
      this.viewState.change({ enlarged: id });
      this.arrange();
    };
    this.presenter = present ? (this.presenter ?? new Presenter(show)) : null;
  }

  /** Gives all cards by their ids, in the order in which they came. */
  allCards() {
    const panels = [...this.panels.values()].map(({ card }) => card);
    const cards = [...panels, ...this.board.charts.map(({ card }) => card)];
    return new Map(cards.map((card) => [card.id, card]));
  }

  /** Brings the cards in order: a few at first sight, the others in their groups. */
  arrange() {
    const cards = this.allCards();
    const facts = [...cards.values()].map(({ id, view: { section, rank } }) => {
      return { id, section, rank };
    });
    const { order, open } = this.viewState;
    if (this.presenter) {
      const { first, groups } = layOut(facts, order);
      const ids = [...first, ...Object.values(groups).flat()];
      this.sections.draw(cards, { first: ids, groups: {} }, [], {});
      this.presenter.draw(cards, ids, this.viewState.facts.enlarged);
      this.redraw();
      return;
    }
    const extra = { [EVENTS]: [this.events.card] };
    this.sections.draw(cards, layOut(facts, order), open, extra);
    const large = cards.get(this.viewState.facts.enlarged);
    if (large && this.enlarger.card !== large) this.enlarger.open(large);
    this.redraw();
  }

  /** Draws anew what depends on how the page is looked at, or on where a card stands. */
  redraw() {
    this.redrawCells();
    for (const chart of this.board.charts) chart.draw();
  }

  /** Draws the pictures anew, whose colours are not those of a style sheet. */
  redrawCells() {
    for (const panel of this.panels.values()) {
      for (const cell of panel.cells.values()) cell.redraw();
    }
  }

  /**
   * Adds the cells of a panel that are missing.
   * @param {string} name of the panel
   * @param {LiveRun[]} runs in the order of the page
   */
  addCells(name, runs) {
    let panel = this.panels.get(name);
    if (!panel) {
      const info = this.views[name] ?? UNKNOWN;
      panel = new Panel(this.sections.first, name, info, this.viewState, this.onCard);
      this.panels.set(name, panel);
      this.arrange();
    }
    for (const run of runs) {
      if (!run.frames[name] || panel.cells.has(run.id)) continue;
      this.visibility.observe(panel.addCell(run, runs.length > 1));
    }
  }
}
