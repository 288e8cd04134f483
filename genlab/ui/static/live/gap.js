// The gap map: the discriminator, its optimum and the densities as fields over the plane, with the
// points of data and model over them.

import { fromBase64 } from "../shared/bytes.js";
import { colourScale, fieldCanvas } from "../shared/colours.js";
import { make } from "../shared/dom.js";
import { grouped, short } from "../shared/format.js";
import { ROLES, roleColour } from "../shared/roles.js";
import { byteValue } from "./bytes.js";
import { GameDiagram } from "./game_diagram.js";
import { ALL, SIDE_BY_SIDE, drawFieldFrame, fieldAxes, layOutFields } from "./field_layout.js";
import { drawArrow, drawColourLegend } from "./field_marks.js";
import { addReadout } from "./readout.js";
import { ease, glide, pushWords, refineField } from "./smooth.js";
import { toggled } from "./view_state.js";

/** @import { PlotAxes } from "../shared/axes.js" */
/** @import { Cell } from "./cell.js" */
/** @import { LegendEntry } from "./forms.js" */
/** @import { GapField, GapFrame } from "./wire" */

/** Fields about 1/2, where real and generated cannot be told apart; the others start at little. */
const ABOUT_A_HALF = new Set(["d", "truth"]);
/** @typedef {"points" | "arrows" | "grid"} Layer */
/** Layers that are drawn where nothing was chosen. */
const USUAL = ["points", "arrows"];
/** @type {Record<Layer, string>} */
const LAYERS = { points: "Points", arrows: "Arrows", grid: "Warped grid" };
/** Cells that each cell of a field becomes along each axis. */
const FINER = 4;
/** Time in which points glide to their new places, in milliseconds. */
const GLIDE = 350;
/** From this distance on the pointer is at no generated point, in pixels. */
const NEAR = 10;
/** Up to so many steps a second the diagram of the game shows each. */
const SLOW = 6;

/** @typedef {{ axes: PlotAxes, field: GapField }} FieldMap a field and where it is drawn */
/**
 * @typedef {object} Way
 * @property {[number, number][]} from where the points were
 * @property {GapFrame} before the step before
 * @property {number} share of the way, from 0 to 1
 */

/**
 * Finds the cell of a field that holds a point.
 * @param {[[number, number], [number, number]]} box lower left and upper right corner of the field
 * @param {number} cells in a row and in a column
 * @param {number} x of the point
 * @param {number} y of the point
 * @returns {number} index of the cell, row by row from the lowest y; -1 outside
 */
export function cellIndex([[x0, y0], [x1, y1]], cells, x, y) {
  const column = Math.floor(((x - x0) / (x1 - x0)) * cells);
  const row = Math.floor(((y - y0) / (y1 - y0)) * cells);
  if (column < 0 || row < 0 || column >= cells || row >= cells) return -1;
  return row * cells + column;
}

/**
 * Writes how far the discriminator is from its optimum.
 * @param {Pick<GapFrame, "distance" | "floor" | "n">} frame the step
 * @returns {string} the sentence, empty where the optimum is unknown
 */
export function gapSummary({ distance, floor, n }) {
  if (distance === null) return "";
  const counted = n ? `, because q is counted from ${grouped(n)} samples` : "";
  const least = floor === null ? "" : `; D* itself would score ${short(floor)}${counted}`;
  return `mean |D − D*| = ${short(distance)}${least}`;
}

/**
 * Makes the gap map of a cell.
 * @param {Cell} cell where it is shown
 * @returns {(frame: GapFrame) => void} shows the fields of a step
 */
export function createGapMap(cell) {
  const map = new GapMap(cell);
  return (frame) => map.draw(frame);
}

class GapMap {
  /** Buttons of the layers. @type {Map<Layer, HTMLButtonElement>} */
  layerButtons = new Map();
  /** Buttons of the fields. @type {Map<string, HTMLButtonElement>} */
  fieldButtons = new Map();
  /** Names of the fields that have buttons. */
  knownFields = "";
  /** @type {GapFrame | null} */
  frame = null;
  /** @type {FieldMap[]} */
  maps = [];
  /** @type {WeakMap<GapField, Uint8Array>} */
  bytes = new WeakMap();
  /** @type {WeakMap<GapField, { dark: boolean, image: HTMLCanvasElement }>} */
  images = new WeakMap();
  /** @type {(() => void) | null} */
  resetReadout = null;
  /** Where the generated points are drawn now. @type {[number, number][] | null} */
  places = null;
  /** Where the points are on their way; null at its end. @type {Way | null} */
  way = null;
  animation = 0;

  /** @param {Cell} cell where it is shown */
  constructor(cell) {
    this.cell = cell;
    const tools = make("div", { class: "gl-tools gl-choose" }, cell.figure);
    this.diagram = new GameDiagram(cell.figure);
    this.fieldBox = make("span", { role: "group", "aria-label": "Which field" }, tools);
    const layers = make("span", { role: "group", "aria-label": "What is drawn over it" }, tools);
    for (const layer of /** @type {Layer[]} */ (Object.keys(LAYERS))) {
      const toggle = () => {
        const { facts } = cell.viewState;
        cell.viewState.change({ layers: toggled(facts.layers ?? USUAL, layer) });
      };
      this.layerButtons.set(layer, this.addButton(layers, LAYERS[layer], toggle));
    }
  }

  /** @param {Layer} layer whether it is drawn */
  shows(layer) {
    return (this.cell.viewState.facts.layers ?? USUAL).includes(layer);
  }

  /**
   * @param {ParentNode} parent where the button is appended
   * @param {string} title on the button
   * @param {() => void} press what it changes in the view; all maps are then drawn again
   */
  addButton(parent, title, press) {
    const button = make("button", { type: "button", class: "gl-small" }, parent, title);
    button.addEventListener("click", press);
    return button;
  }

  /**
   * Chooses the fields that are shown: the first one, unless another one was chosen, or all.
   * @param {GapFrame} frame the fields
   * @param {number} width of the canvas in pixels
   * @returns {string[]} their names
   */
  fieldsToShow(frame, width) {
    const names = Object.keys(frame.fields);
    const hasRoom = width >= SIDE_BY_SIDE && names.length > 1;
    if (this.knownFields !== names.join()) this.makeFieldButtons(frame, names);
    const { field } = this.cell.viewState.facts;
    const isPossible = field === ALL ? hasRoom : names.includes(field);
    const view = isPossible ? field : names[0];
    for (const [name, button] of this.fieldButtons) {
      button.setAttribute("aria-pressed", String(name === view));
      if (name === ALL) button.hidden = !hasRoom;
    }
    for (const [layer, button] of this.layerButtons) {
      button.setAttribute("aria-pressed", String(this.shows(layer)));
      button.hidden = layer !== "points" && !frame[layer]?.length;
    }
    return view === ALL ? names : [view];
  }

  /**
   * @param {GapFrame} frame the fields
   * @param {string[]} names of the fields
   */
  makeFieldButtons(frame, names) {
    this.knownFields = names.join();
    this.fieldBox.replaceChildren();
    this.fieldButtons.clear();
    if (names.length < 2) return;
    for (const name of [ALL, ...names]) {
      const title = name === ALL ? "Side by side" : frame.fields[name].title.split(" = ")[0];
      const choose = () => this.cell.viewState.change({ field: name });
      this.fieldButtons.set(name, this.addButton(this.fieldBox, title, choose));
    }
  }

  /**
   * Gives a field as a smooth image; it is made once for each theme.
   * @param {GapField} field the field
   * @param {number} cells in a row
   * @param {"diverging" | "sequential"} kind of its colours
   */
  imageOf(field, cells, kind) {
    const { dark } = this.cell;
    const known = this.images.get(field);
    if (known && known.dark === dark) return known.image;
    const shares = Array.from(this.bytesOf(field), (byte) => byteValue(byte, 0, 1));
    const fine = refineField(shares, cells, FINER);
    const image = fieldCanvas(fine, cells * FINER, colourScale(kind, dark));
    this.images.set(field, { dark, image });
    return image;
  }

  /** @param {GapField} field whose bytes are wanted */
  bytesOf(field) {
    let bytes = this.bytes.get(field);
    if (!bytes) this.bytes.set(field, (bytes = fromBase64(field.z)));
    return bytes;
  }

  /**
   * Draws a step; the points glide to it from where they are.
   * @param {GapFrame} frame what is drawn
   */
  draw(frame) {
    cancelAnimationFrame(this.animation);
    const before = this.frame;
    const isNew = before !== null && before !== frame && before.fake.length === frame.fake.length;
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.playGame();
    if (!isNew || isStill || this.cell.recorder || document.hidden) {
      this.paint(frame);
      return;
    }
    const from = this.places ?? before.fake;
    const begun = performance.now();
    const move = () => {
      const share = ease(Math.min(1, (performance.now() - begun) / GLIDE));
      this.paint(frame, { from, before, share });
      if (share < 1) this.animation = requestAnimationFrame(move);
    };
    move();
  }

  /** Shows which part of the game computes, where each step is seen. */
  playGame() {
    const { run } = this.cell;
    const { status, speed } = /** @type {{ status?: string, speed?: number }} */ (run);
    const isSlow = status === "running" && !!speed && speed <= SLOW;
    if (isSlow || status === "paused") this.diagram.play(isSlow ? 1000 / (speed ?? 1) : 2000);
    else this.diagram.hide();
  }

  /**
   * Draws a step, or a moment on the way to it.
   * @param {GapFrame} frame what is drawn
   * @param {Way | null} way from the step before; null at the end of it
   */
  paint(frame, way = null) {
    const places = way ? glide(way.from, frame.fake, way.share) : frame.fake;
    this.places = places;
    this.way = way && way.share < 1 ? way : null;
    this.frame = frame;
    const { cell } = this;
    const { sheet, names, side, leftOf } = layOutFields(cell, (width) =>
      this.fieldsToShow(frame, width),
    );
    cell.describe(frame);
    cell.canvas.dataset.gliding = String(!!this.way);
    const shown = { ...frame, fake: places };
    this.maps = names.map((name, i) => {
      const left = leftOf(i);
      return this.drawField(sheet, shown, name, left, side, i === 0);
    });
    const summary = () => (this.frame ? gapSummary(this.frame) : "");
    this.resetReadout ??= addReadout(cell.canvas, (x, y) => this.textAt(x, y), summary);
    if (this.way) return;
    this.resetReadout();
    cell.setLegend(this.legend(frame));
  }

  /**
   * Draws one field with its points, title and colour legend.
   * @param {PlotAxes} sheet the whole canvas
   * @param {GapFrame} frame the fields
   * @param {string} name of the field
   * @param {number} left end of the map, in pixels
   * @param {number} side of the map, in pixels
   * @param {boolean} first whether it is the leftmost one, which has numbers, arrows and the grid
   * @returns {FieldMap}
   */
  drawField(sheet, frame, name, left, side, first) {
    const field = frame.fields[name];
    const [[x0, y0], [x1, y1]] = frame.box;
    const axes = fieldAxes(sheet, frame.box, left, side);
    const kind = ABOUT_A_HALF.has(name) ? "diverging" : "sequential";
    const colour = colourScale(kind, this.cell.dark);
    const { context } = axes;
    const [x, y] = [axes.px(x0), axes.py(y1)];
    const size = /** @type {[number, number]} */ ([axes.px(x1) - x, axes.py(y0) - y]);
    context.imageSmoothingEnabled = true;
    const before = this.way?.before.fields[name];
    if (this.way && before) {
      context.drawImage(this.imageOf(before, this.way.before.cells, kind), x, y, ...size);
      context.globalAlpha = this.way.share;
    }
    context.drawImage(this.imageOf(field, frame.cells, kind), x, y, ...size);
    context.globalAlpha = 1;
    drawFieldFrame(axes, field.title, first);
    this.drawOverlay(axes, frame, first);
    drawColourLegend(axes, field, colour, side);
    return { axes, field };
  }

  /** @param {GapFrame} frame what is explained */
  legend(frame) {
    /** @type {LegendEntry[]} */
    const legend = [];
    if (this.shows("points")) {
      const { heldOut, generated } = ROLES;
      legend.push(["held-out data", roleColour(heldOut, this.cell.dark), "gl-plus"]);
      legend.push(["generated", roleColour(generated, this.cell.dark)]);
    }
    if (this.shows("arrows") && frame.arrows.length) {
      const longest = `the longest: ${short(frame.push)} per data unit`;
      const arrows = "arrows: how the generator's loss moves each point, drawn to scale";
      legend.push([`${arrows} (${longest})`, null]);
    }
    if (this.shows("grid") && frame.grid.length) {
      legend.push(["lines: a regular grid of latent codes, as the generator maps it", null]);
    }
    return legend;
  }

  /**
   * Draws the points, and on the first map the warped grid and the arrows.
   * @param {PlotAxes} axes of the map
   * @param {GapFrame} frame what is drawn
   * @param {boolean} first whether this is the first map
   */
  drawOverlay(axes, frame, first) {
    const { context } = axes;
    const back = this.cell.dark ? "#000" : "#fff";
    const [x, y] = [axes.px(axes.x0), axes.py(axes.y1)];
    context.save();
    context.beginPath();
    context.rect(x, y, axes.px(axes.x1) - x, axes.py(axes.y0) - y);
    context.clip();
    context.lineJoin = "round";
    if (first && this.shows("grid")) drawPolylines(axes, frame.grid);
    if (this.shows("points"))
      drawCrosses(axes, frame.real, roleColour(ROLES.heldOut, this.cell.dark));
    if (first && this.shows("arrows")) {
      frame.arrows.forEach(([dx, dy], i) => {
        const [fx, fy] = frame.fake[i];
        const to = [axes.px(fx + dx), axes.py(fy + dy)];
        drawArrow(context, [axes.px(fx), axes.py(fy)], to, axes.ink, back);
      });
    }
    if (this.shows("points")) {
      context.fillStyle = roleColour(ROLES.generated, this.cell.dark);
      context.strokeStyle = back;
      context.lineWidth = 0.8;
      for (const [fx, fy] of frame.fake) {
        axes.disc(axes.px(fx), axes.py(fy), 2.6);
        context.stroke();
      }
    }
    context.restore();
  }

  /**
   * Says why the generated point under the pointer is pushed.
   * @param {GapFrame} frame the step
   * @param {PlotAxes} axes of the map
   * @param {number} x position across, in pixels
   * @param {number} y position from the top, in pixels
   * @returns {string} the sentence; empty where there is no such point
   */
  pushAt(frame, axes, x, y) {
    const [name] = Object.keys(frame.fields);
    const field = frame.fields[name];
    let nearest = -1;
    let least = NEAR;
    frame.arrows.forEach((_, i) => {
      const [fx, fy] = frame.fake[i];
      const distance = Math.hypot(axes.px(fx) - x, axes.py(fy) - y);
      if (distance < least) [nearest, least] = [i, distance];
    });
    if (nearest < 0 || !this.shows("points")) return "";
    const [fx, fy] = frame.fake[nearest];
    const arrow = frame.arrows[nearest];
    const valueAt = (/** @type {number} */ u, /** @type {number} */ v) => {
      const index = cellIndex(frame.box, frame.cells, u, v);
      return index < 0 ? null : byteValue(this.bytesOf(field)[index], field.low, field.high);
    };
    const what = name === "d" ? "D" : "the critic's score";
    return pushWords(what, arrow, valueAt(fx, fy), valueAt(fx + arrow[0], fy + arrow[1]));
  }

  /**
   * @param {number} x position across, in pixels
   * @param {number} y position from the top, in pixels
   * @returns {string | null} the values of all fields there
   */
  textAt(x, y) {
    const { frame } = this;
    const map = this.maps.find(({ axes }) => {
      const inside = x >= axes.px(axes.x0) && x < axes.px(axes.x1);
      return inside && y > axes.py(axes.y1) && y <= axes.py(axes.y0);
    });
    if (!frame || !map) return null;
    const [u, v] = map.axes.valueAt(x, y);
    const index = cellIndex(frame.box, frame.cells, u, v);
    if (index < 0) return null;
    const push = this.pushAt(frame, map.axes, x, y);
    if (push) return push;
    const words = Object.values(frame.fields).map((field) => {
      const value = byteValue(this.bytesOf(field)[index], field.low, field.high);
      return `${field.title.split(" = ")[0]}: ${value?.toPrecision(2) ?? "unknown"}`;
    });
    return `at (${u.toFixed(2)}, ${v.toFixed(2)}) — ${words.join(", ")}`;
  }
}

/**
 * Draws lines through points.
 * @param {PlotAxes} axes what is drawn on
 * @param {[number, number][][]} lines each a list of points
 */
function drawPolylines(axes, lines) {
  const { context } = axes;
  context.strokeStyle = axes.ink;
  context.lineWidth = 1;
  context.globalAlpha = 0.5;
  for (const line of lines) {
    context.beginPath();
    for (const [x, y] of line) context.lineTo(axes.px(x), axes.py(y));
    context.stroke();
  }
  context.globalAlpha = 1;
}

/**
 * Draws a cross at each point.
 * @param {PlotAxes} axes what is drawn on
 * @param {[number, number][]} points where
 * @param {string} colour of the crosses
 */
function drawCrosses(axes, points, colour) {
  const { context } = axes;
  context.lineWidth = 1.2;
  context.strokeStyle = colour;
  context.globalAlpha = 0.7;
  for (const [x, y] of points) {
    const [a, b] = [axes.px(x), axes.py(y)];
    axes.line(a - 2.5, b, a + 2.5, b);
    axes.line(a, b - 2.5, a, b + 2.5);
  }
  context.globalAlpha = 1;
}
