// Presentation: one card at a time fills the window below the slider. The keys that a clicker sends
// bring the next one or the one before; Escape ends it.

/** @import { Card } from "./card.js" */

/** Keys of a clicker, and which way they go. @type {Record<string, 1 | -1>} */
const WAYS = { PageDown: 1, PageUp: -1 };

/**
 * Gives the card after another one, or before it; behind the last one comes none.
 * @param {string[]} ids of all cards in order
 * @param {string} shown id of the one that is shown
 * @param {1 | -1} by 1 for the next one
 * @returns {string} its id
 */
export function neighbour(ids, shown, by) {
  const at = Math.max(0, ids.indexOf(shown)) + by;
  return ids[Math.min(ids.length - 1, Math.max(0, at))] ?? "";
}

/** Shows one card at a time. */
export class Presenter {
  /** @type {string[]} */
  ids = [];
  shown = "";

  /** @param {(id: string) => void} report called with the id of a card that a key chose */
  constructor(report) {
    this.report = report;
  }

  /**
   * Shows one card of all.
   * @param {Map<string, Card>} cards by id
   * @param {string[]} ids in order
   * @param {string} wanted id of the card; the first one where there is none of this id
   */
  draw(cards, ids, wanted) {
    this.ids = ids;
    this.shown = ids.includes(wanted) ? wanted : (ids[0] ?? "");
    for (const [id, card] of cards) {
      card.root.classList.toggle("gl-shown", id === this.shown);
    }
  }

  /**
   * Takes the keys of a clicker.
   * @param {KeyboardEvent} event of any element of the page
   * @returns {boolean} whether the key was one of them
   */
  handleKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return false;
    if (event.key === "Escape") {
      const address = new URL(location.href);
      address.searchParams.delete("present");
      location.assign(address);
      return true;
    }
    const by = WAYS[event.key];
    if (!by) return false;
    event.preventDefault();
    const id = neighbour(this.ids, this.shown, by);
    if (id && id !== this.shown) this.report(id);
    return true;
  }
}
