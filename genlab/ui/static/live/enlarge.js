// One card at a time fills the window: it goes to the browser's top layer and stays where it is in
// the page, so that nothing is drawn anew but its size.

/** @import { Card } from "./card.js" */

/** Elements that can have the focus. */
const FOCUSABLE = "button, a[href], input, [tabindex='0']";

/** Lets one card fill the window. */
export class Enlarger {
  /** @type {Card | null} */
  card = null;

  /** @param {(id: string) => void} report called with the id of the card, empty for none */
  constructor(report) {
    this.report = report;
  }

  /**
   * Lets a card fill the window, or not if it does.
   * @param {Card} card the card
   */
  toggle(card) {
    const was = this.card;
    this.close();
    if (was !== card) this.open(card);
    this.report(this.card?.id ?? "");
  }

  /** @param {Card} card that fills the window from now on */
  open(card) {
    this.card = card;
    const { root } = card;
    root.setAttribute("popover", "manual");
    root.setAttribute("role", "dialog");
    root.setAttribute("aria-modal", "true");
    card.setEnlarged(true);
    root.showPopover();
    card.enlargeButton.focus();
    document.addEventListener("keydown", this.onKey, true);
  }

  close() {
    const { card } = this;
    if (!card) return;
    this.card = null;
    document.removeEventListener("keydown", this.onKey, true);
    if (card.root.matches(":popover-open")) card.root.hidePopover();
    for (const name of ["popover", "role", "aria-modal"]) card.root.removeAttribute(name);
    card.setEnlarged(false);
    card.enlargeButton.focus();
  }

  /** @param {KeyboardEvent} event of any element of the page */
  onKey = (event) => {
    const { card } = this;
    if (!card) return;
    if (event.key === "Escape" && card.menu.hidden) {
      event.stopPropagation();
      event.preventDefault();
      this.toggle(card);
    } else if (event.key === "Tab") this.keepFocus(event, card);
  };

  /**
   * Keeps the focus in the card: after the last element comes the first one.
   * @param {KeyboardEvent} event of the Tab key
   * @param {Card} card that fills the window
   */
  keepFocus(event, card) {
    /** @type {HTMLElement[]} */
    const all = [...card.root.querySelectorAll(/** @type {"button"} */ (FOCUSABLE))];
    const inside = all.filter((node) => node.getClientRects().length);
    const [target] = event.composedPath();
    const last = inside[inside.length - 1];
    const isInside = target instanceof Node && card.root.contains(target);
    if (isInside && target !== (event.shiftKey ? inside[0] : last)) return;
    event.preventDefault();
    (event.shiftKey ? last : inside[0]).focus();
  }
}
