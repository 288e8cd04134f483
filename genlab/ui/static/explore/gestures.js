// What a reader does with a map by the pointer and the keys: move, turn, enlarge, point at, click,
// draw a lasso or a box.

import { pointerPosition } from "../shared/dom.js";
import { boxOutline, nearestPoint, nextPoint, pointsInside } from "./search.js";

/** @import { Point } from "./search.js" */
/** @import { ScatterMap } from "./map.js" */

/** A press that moves farther is a drag, in pixels. */
const DRAG = 4;
/** Radians that a pixel of a drag turns a map of three dimensions by. */
const TURN = 0.008;
/** Pixels that shift and an arrow key move the view by. */
const SHIFT = 40;
/** @typedef {"move" | "lasso" | "box"} Mode */
/** @type {Record<string, Point | undefined>} */
const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** @typedef {{ from: Point, last: Point, isDrag: boolean, path: Point[] | null }} Press */

/** Hears the pointer and the keys of a map, and tells the map what is meant. */
export class Gestures {
  /** The press of the pointer that has not ended. @type {Press | null} */
  press = null;

  /** @param {ScatterMap} map that is moved */
  constructor(map) {
    this.map = map;
    this.listen();
  }

  listen() {
    const { canvas } = this.map;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({ preventScroll: true });
      const from = pointerPosition(canvas, event);
      this.press = {
        from,
        last: from,
        isDrag: false,
        path: this.map.mode === "move" ? null : [from],
      };
    });
    canvas.addEventListener("pointermove", (event) => this.handleMove(event));
    canvas.addEventListener("pointerup", (event) => this.handleUp(event));
    canvas.addEventListener("pointercancel", () => {
      this.press = null;
      this.map.drawOverlay();
    });
    canvas.addEventListener("pointerleave", () => {
      if (!this.press) this.map.setHover(-1);
    });
    /** @param {WheelEvent} event */
    const zoom = (event) => {
      event.preventDefault();
      this.map.zoom(pointerPosition(canvas, event), Math.exp(-event.deltaY * 0.0015));
    };
    canvas.addEventListener("wheel", zoom, { passive: false });
    canvas.addEventListener("keydown", (event) => this.handleKey(event));
  }

  /** @param {PointerEvent} event of the canvas */
  handleMove(event) {
    const at = pointerPosition(this.map.canvas, event);
    const { press } = this;
    const { view } = this.map;
    if (!press) {
      const row = this.map.nearest(at);
      if (row !== this.map.hover) this.map.setHover(row);
      return;
    }
    const [dx, dy] = [at[0] - press.last[0], at[1] - press.last[1]];
    press.last = at;
    if (Math.hypot(at[0] - press.from[0], at[1] - press.from[1]) > DRAG) press.isDrag = true;
    if (press.path) {
      press.path.push(at);
      this.map.drawOverlay();
    } else if (press.isDrag) {
      if (this.map.data.dims === 3 && !event.shiftKey) {
        view.yaw += dx * TURN;
        view.pitch += dy * TURN;
      } else {
        view.x += dx;
        view.y += dy;
      }
      this.map.tip.hide();
      this.map.draw();
    }
  }

  /** @param {PointerEvent} event of the canvas */
  handleUp(event) {
    const { press } = this;
    if (!press) return;
    const outline = press.isDrag ? this.outline() : null;
    this.press = null;
    if (outline) this.map.select(pointsInside(this.map.px, outline));
    else if (!press.isDrag) this.map.click(pointerPosition(this.map.canvas, event));
    this.map.draw();
  }

  /** @param {KeyboardEvent} event of the canvas */
  handleKey(event) {
    const direction = ARROWS[event.key];
    const { view, hover } = this.map;
    /** @type {Point} */
    const middle = [view.width / 2, view.height / 2];
    if (direction && event.shiftKey) {
      view.x -= SHIFT * direction[0];
      view.y -= SHIFT * direction[1];
    } else if (direction) {
      const { px } = this.map;
      this.map.setHover(hover < 0 ? nearestPoint(px, middle) : nextPoint(px, hover, direction));
    } else if (event.key === "+" || event.key === "=") this.map.zoom(middle, 1.3);
    else if (event.key === "-") this.map.zoom(middle, 1 / 1.3);
    else if (event.key === "0") this.map.fit();
    else if (event.key === "Enter" || event.key === " ") {
      if (hover < 0) return;
      this.map.sendClick({ row: hover });
    } else if (event.key === "Escape") {
      this.map.setHover(-1);
      if (this.map.selected.size) this.map.select([]);
    } else return;
    event.preventDefault();
    this.map.draw();
  }

  /** Gives the outline that is being drawn. @returns {Point[] | null} */
  outline() {
    const path = this.press?.path;
    if (!path || this.map.mode !== "box" || path.length < 2) return path ?? null;
    return boxOutline(path[0], path[path.length - 1]);
  }
}
