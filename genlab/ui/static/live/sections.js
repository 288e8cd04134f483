// The places of the cards: at most four at first sight, the others in named groups that are closed
// until they are opened. Cards are moved, never made anew.

import { make } from "../shared/dom.js";

/** @import { Card } from "./card.js" */

/** A named group of cards, closed at first. */
class Section {
  /**
   * @param {ParentNode} parent where the group is appended
   * @param {string} name of the group
   * @param {string} title of the group
   * @param {(name: string) => void} toggle called when its button is pressed
   */
  constructor(parent, name, title, toggle) {
    this.root = make("section", { class: "gl-group", "data-group": name }, parent);
    const heading = make("h2", {}, this.root);
    const id = `gl-group-${name}`;
    const looks = { type: "button", "aria-expanded": "false", "aria-controls": id };
    this.button = make("button", looks, heading);
    make("span", {}, this.button, title);
    this.count = make("small", {}, this.button);
    this.button.addEventListener("click", () => toggle(name));
    this.cards = make("div", { class: "gl-cards", id, hidden: "" }, this.root);
  }

  /**
   * @param {HTMLElement[]} cards in order
   * @param {boolean} open whether they are seen
   */
  draw(cards, open) {
    placeAll(this.cards, cards);
    this.root.hidden = !cards.length;
    this.cards.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    const titles = cards.map((card) => card.getAttribute("aria-label") ?? "");
    this.count.textContent = titles.filter(Boolean).join(", ");
  }
}

/** The places of all cards. */
export class Sections {
  /** @type {Map<string, Section>} */
  groups = new Map();

  /**
   * @param {HTMLElement} parent where they are appended
   * @param {(name: string) => void} toggle called when a group shall be opened or closed
   */
  constructor(parent, toggle) {
    this.toggle = toggle;
    this.first = make("div", { class: "gl-first" }, parent);
    this.more = make("div", { class: "gl-groups" }, parent);
  }

  /** @param {Record<string, string>} titles of the groups by name, in order */
  setGroups(titles) {
    for (const [name, title] of Object.entries(titles)) {
      if (this.groups.has(name)) continue;
      this.groups.set(name, new Section(this.more, name, title, this.toggle));
    }
  }

  /**
   * Puts every card in its place.
   * @param {Map<string, Card>} cards by id
   * @param {{ first: string[], groups: Record<string, string[]> }} places ids of the cards
   * @param {string[]} open names of the open groups
   * @param {Record<string, HTMLElement[]>} extra elements at the end of the groups
   */
  draw(cards, { first, groups }, open, extra) {
    /** @param {string[]} ids */
    const roots = (ids) => ids.flatMap((id) => cards.get(id)?.root ?? []);
    placeAll(this.first, roots(first));
    for (const card of cards.values()) {
      card.root.classList.toggle("gl-main", card.id === first[0]);
    }
    const [fallback] = this.groups.keys();
    for (const [name, section] of this.groups) {
      const unknown = Object.keys(groups).filter((other) => !this.groups.has(other));
      const ids = [name, ...(name === fallback ? unknown : [])].flatMap((key) => groups[key] ?? []);
      section.draw([...roots(ids), ...(extra[name] ?? [])], open.includes(name));
    }
  }
}

/**
 * Gives an element exactly these children; one that is in its place is not touched.
 * @param {HTMLElement} parent the element
 * @param {HTMLElement[]} children in order
 */
function placeAll(parent, children) {
  children.forEach((child, i) => {
    if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null);
  });
}
