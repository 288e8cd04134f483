// The frame of a panel or a chart: its title, the sentence that says what one sees, the way to its
// lesson, and the buttons that enlarge it, put it forward, and save what it shows.

import { make } from "../shared/dom.js";
import { source } from "../shared/source.js";
import { take } from "./take.js";

/** @import { FileKind, Takeable } from "./take.js" */
/** @import { ViewInfo } from "./wire" */

/**
 * @typedef {object} CardListener
 * @property {(card: Card) => void} enlarge called when the card shall fill the window, or no longer
 * @property {(card: Card) => void} [putFirst] called when the card shall be the large one, where
 *   there are several
 */

/** @type {FileKind[]} */
const KINDS = ["png", "svg", "csv"];
/** @type {Record<FileKind, string>} */
const KIND_TITLES = { png: "PNG", svg: "SVG", csv: "CSV" };

/** The frame of a panel or a chart. */
export class Card {
  enlarged = false;
  /** Gives what can be saved. @type {() => Takeable[]} */
  takeables = () => [];

  /**
   * @param {ParentNode} parent where the card is appended
   * @param {string} id of the card, "panel:gap" or "chart:loss/nats"
   * @param {string} title of the card
   * @param {ViewInfo} view where it stands and what one sees in it
   * @param {CardListener} on what happens when its buttons are pressed
   */
  constructor(parent, id, title, view, on) {
    this.id = id;
    this.view = view;
    this.on = on;
    const kind = id.startsWith("chart:") ? "chart" : "panel";
    const looks = { class: `gl-card gl-${kind}`, [`data-${kind}`]: id.slice(6), "data-card": id };
    this.root = make("section", looks, parent);
    this.header = make("header", {}, this.root);
    this.title = make("h2", {}, this.header);
    this.at = make("span", { class: "gl-at-box" }, this.header);
    this.tools = make("span", { class: "gl-tools" }, this.header);
    this.enlargeButton = this.addButton(this.tools, "gl-enlarge", "", () => on.enlarge(this));
    this.menu = make("span", { class: "gl-menu-list", hidden: "" });
    this.moreButton = this.addMenu();
    this.sees = make("p", { class: "gl-sees" }, this.root);
    this.note = make("p", { class: "gl-note" }, this.root);
    this.setTitle(title);
    this.setView(view);
  }

  /**
   * @param {ParentNode} parent where the button is appended
   * @param {string} name CSS class of the button
   * @param {string} title on the button
   * @param {() => void} press called when it is pressed
   */
  addButton(parent, name, title, press) {
    const looks = { type: "button", class: `gl-small ${name}` };
    const button = make("button", looks, parent, title);
    button.addEventListener("click", press);
    return button;
  }

  /** Adds the button with the rarer actions, and their list. */
  addMenu() {
    const box = make("span", { class: "gl-menu" }, this.tools);
    const toggle = () => this.showMenu(!!this.menu.hidden);
    const button = this.addButton(box, "gl-more", "⋯", toggle);
    button.setAttribute("aria-expanded", "false");
    box.append(this.menu);
    for (const kind of KINDS) {
      this.addButton(this.menu, "gl-take", `Save as ${KIND_TITLES[kind]}`, () => {
        this.save(kind);
      }).dataset.take = kind;
    }
    const { putFirst } = this.on;
    if (putFirst) {
      this.addButton(this.menu, "gl-put-first", "Show it large at the top", () => {
        this.showMenu(false);
        putFirst(this);
      });
    }
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.menu.hidden) return;
      event.stopPropagation();
      this.showMenu(false);
      button.focus();
    });
    box.addEventListener("focusout", (event) => {
      if (event.relatedTarget instanceof Node && !box.contains(event.relatedTarget)) {
        this.showMenu(false);
      }
    });
    return button;
  }

  /** @param {boolean} shown whether the menu is open */
  showMenu(shown) {
    this.menu.hidden = !shown;
    this.moreButton.setAttribute("aria-expanded", String(shown));
  }

  /** @param {FileKind} kind of the file in which each run's picture is saved */
  save(kind) {
    this.showMenu(false);
    this.moreButton.focus();
    for (const what of this.takeables()) void take(what, kind);
  }

  /** @param {string} title of the card from now on */
  setTitle(title) {
    if (this.title.textContent === title) return;
    this.title.textContent = title;
    this.root.setAttribute("aria-label", title);
    this.moreButton.setAttribute(
      "aria-label",
      `${this.on.putFirst ? "Save or move" : "Save"}: ${title}`,
    );
    this.setEnlarged(this.enlarged);
  }

  /** @param {ViewInfo} view what one sees in it */
  setView(view) {
    this.view = view;
    this.sees.replaceChildren(view.sees);
    this.sees.hidden = !view.sees && !view.lesson;
    if (!view.lesson) return;
    const { href, target } = source().lesson(view.lesson);
    const looks = { href, target, rel: "noopener", class: "gl-lesson" };
    const link = make("a", looks, null, "Its lesson");
    link.setAttribute("aria-label", `The lesson about: ${this.title.textContent}`);
    this.sees.append(" ", link);
  }

  /** @param {boolean} enlarged whether the card fills the window */
  setEnlarged(enlarged) {
    this.enlarged = enlarged;
    this.root.classList.toggle("gl-enlarged", enlarged);
    const words = enlarged ? "Close" : "Enlarge";
    this.enlargeButton.textContent = enlarged ? "✕ Close" : "⤢";
    this.enlargeButton.setAttribute("aria-label", `${words}: ${this.title.textContent}`);
    this.enlargeButton.title = enlarged ? "Close (Esc)" : "Enlarge to the whole window";
  }

  /** Removes the card from the page. */
  close() {
    this.root.remove();
  }
}
