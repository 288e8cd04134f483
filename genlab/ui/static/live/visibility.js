// Pictures are loaded only where they are near the visible part of the page.

/** @import { Cell } from "./cell.js" */

/** So near, in CSS pixels. */
const MARGIN = "1000px";

/** Tells cells when they come near the visible part of the page. */
export class CellObserver {
  /** @type {WeakMap<Element, Cell>} */
  cells = new WeakMap();

  constructor() {
    const margins = { rootMargin: MARGIN, scrollMargin: MARGIN };
    this.observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const cell = this.cells.get(target);
        if (!cell) continue;
        cell.visible = isIntersecting;
        if (isIntersecting) void cell.refresh();
      }
    }, margins);
  }

  /** @param {Cell} cell that is told from now on */
  observe(cell) {
    this.cells.set(cell.figure, cell);
    this.observer.observe(cell.figure);
  }
}
