// The velocity over the plane at a time of the path: learned, exact and their difference, with
// particles on their way from noise to data. A slider moves the time.

import { fromBase64 } from "../shared/bytes.js";
import { colourScale, fieldCanvas } from "../shared/colours.js";
import { make } from "../shared/dom.js";
import { short } from "../shared/format.js";
import { ROLES, roleColour } from "../shared/roles.js";
import { byteValue } from "./bytes.js";
import { ALL, SIDE_BY_SIDE, drawFieldFrame, fieldAxes, layOutFields } from "./field_layout.js";
import { drawArrow, drawColourLegend } from "./field_marks.js";
import { addReadout } from "./readout.js";
import { refineField } from "./smooth.js";
import { toggled } from "./view_state.js";

/** @import { PlotAxes } from "../shared/axes.js" */
/** @import { Cell } from "./cell.js" */
/** @import { LegendEntry } from "./forms.js" */
/** @import { FlowFieldFrame } from "./wire" */

/** From this width on they do so unless one was chosen. */
const WHOLE = 860;
/** Cells that each cell of a field becomes along each axis. */
const FINER = 3;
/** @typedef {"particles" | "arrows"} Layer */
/** @type {Record<Layer, string>} */
const LAYERS = { particles: "Particles", arrows: "Directions" };
/** Layers that are drawn where nothing was chosen. */
const USUAL = ["particles", "arrows", "points"];

/**
 * Finds the time nearest to a wanted one.
 * @param {number[]} times of the fields
 * @param {string} wanted text of a time; empty or no number for the middle
 * @returns {number} its place
 */
export function nearestTime(times, wanted) {
  const time = wanted === "" ? NaN : Number(wanted);
  if (!Number.isFinite(time)) return Math.floor(times.length / 2);
  let best = 0;
  times.forEach((t, k) => {
    if (Math.abs(t - time) < Math.abs(times[best] - time)) best = k;
  });
  return best;
}

/**
 * Reads a velocity of the arrows.
 * @param {Uint8Array} bytes of all times
 * @param {number} at place of the arrow among those of all times
 * @param {number} scale the largest entry of that time
 * @returns {[number, number]}
 */
export function arrowAt(bytes, at, scale) {
  const read = (/** @type {number} */ k) => byteValue(bytes[2 * at + k], -scale, scale) ?? 0;
  return [read(0), read(1)];
}

/**
 * Says how far the learned velocity is from the exact one.
 * @param {Pick<FlowFieldFrame, "excess" | "times">} frame the step
 * @param {number} k place of the time
 * @returns {string} empty where the exact one is not known
 */
export function excessWords({ excess, times }, k) {
  if (!excess) return "";
  return `E|v − u|² = ${short(excess[k])} at t = ${short(times[k])}; 0 is perfect`;
}

/**
 * Makes the fields of a cell.
 * @param {Cell} cell where they are shown
 * @returns {(frame: FlowFieldFrame) => void} shows the fields of a step
 */
export function createFlowField(cell) {
  const map = new FlowFieldMap(cell);
  return (frame) => map.draw(frame);
}

class FlowFieldMap {
  /** Buttons of the layers. @type {Map<Layer, HTMLButtonElement>} */
  layerButtons = new Map();
  /** Buttons of the fields. @type {Map<string, HTMLButtonElement>} */
  fieldButtons = new Map();
  knownFields = "";
  /** @type {FlowFieldFrame | null} */
  frame = null;
  /** @type {PlotAxes[]} */
  maps = [];
  /** The time while the slider is held; empty otherwise. */
  held = "";
  k = 0;
  /** Bytes by their text. @type {Map<string, Uint8Array>} */
  bytes = new Map();
  /** @type {(() => void) | null} */
  resetReadout = null;

  /** @param {Cell} cell where it is shown */
  constructor(cell) {
    this.cell = cell;
    const tools = make("div", { class: "gl-tools gl-choose" }, cell.figure);
    const about = { class: "gl-slide" };
    const line = make("label", about, tools, "Time t ");
    this.slider = make("input", { type: "range", min: "0", step: "1" }, line);
    this.output = make("output", {}, line);
    this.slider.addEventListener("input", () => {
      this.held = this.sliderTime();
      if (this.frame) this.draw(this.frame);
    });
    this.slider.addEventListener("change", () => {
      const time = this.sliderTime();
      this.held = "";
      cell.viewState.change({ time });
    });
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

  /** Gives the time of the slider as the text of a link. */
  sliderTime() {
    return String(this.frame?.times[Number(this.slider.value)] ?? "");
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

  /** @param {string} text base64 */
  bytesOf(text) {
    let bytes = this.bytes.get(text);
    if (!bytes) {
      // Only the fields of the present step are kept.
      if (this.bytes.size > 12) this.bytes.clear();
      this.bytes.set(text, (bytes = fromBase64(text)));
    }
    return bytes;
  }

  /**
   * Chooses the fields that are shown: the learned one, or all where there is much room.
   * @param {FlowFieldFrame} frame the fields
   * @param {number} width of the canvas in pixels
   * @returns {string[]} their names
   */
  fieldsToShow(frame, width) {
    const names = Object.keys(frame.fields);
    const hasRoom = width >= SIDE_BY_SIDE && names.length > 1;
    if (this.knownFields !== names.join()) this.makeFieldButtons(frame, names);
    const { field } = this.cell.viewState.facts;
    const usual = width >= WHOLE && names.length > 1 ? ALL : names[0];
    const isPossible = field === ALL ? hasRoom : names.includes(field);
    const view = isPossible ? field : usual;
    for (const [name, button] of this.fieldButtons) {
      button.setAttribute("aria-pressed", String(name === view));
      if (name === ALL) button.hidden = !hasRoom;
    }
    for (const [layer, button] of this.layerButtons) {
      button.setAttribute("aria-pressed", String(this.shows(layer)));
    }
    return view === ALL ? names : [view];
  }

  /**
   * @param {FlowFieldFrame} frame the fields
   * @param {string[]} names of the fields
   */
  makeFieldButtons(frame, names) {
    this.knownFields = names.join();
    this.fieldBox.replaceChildren();
    this.fieldButtons.clear();
    if (names.length < 2) return;
    for (const name of [ALL, ...names]) {
      const title = name === ALL ? "Side by side" : frame.fields[name].title;
      const choose = () => this.cell.viewState.change({ field: name });
      this.fieldButtons.set(name, this.addButton(this.fieldBox, title, choose));
    }
  }

  /**
   * Draws a step at the time of the slider.
   * @param {FlowFieldFrame} frame what is drawn
   */
  draw(frame) {
    const { cell } = this;
    this.frame = frame;
    this.k = nearestTime(frame.times, this.held || cell.viewState.facts.time);
    this.slider.max = String(frame.times.length - 1);
    this.slider.value = String(this.k);
    const time = short(frame.times[this.k]);
    const place = this.k === 0 ? " (noise)" : frame.times[this.k] === 1 ? " (data)" : "";
    this.output.textContent = `${time}${place}`;
    this.slider.setAttribute("aria-valuetext", `t = ${time}${place}`);
    const { sheet, names, side, leftOf } = layOutFields(cell, (width) =>
      this.fieldsToShow(frame, width),
    );
    cell.describe(frame);
    cell.canvas.dataset.time = time;
    this.maps = names.map((name, i) =>
      this.drawField(sheet, frame, name, leftOf(i), side, i === 0),
    );
    const summary = () => (this.frame ? excessWords(this.frame, this.k) : "");
    this.resetReadout ??= addReadout(cell.canvas, (x, y) => this.textAt(x, y), summary);
    this.resetReadout();
    cell.setLegend(this.legend(frame));
  }

  /**
   * Draws one field with its title, arrows, particles and colour legend.
   * @param {PlotAxes} sheet the whole canvas
   * @param {FlowFieldFrame} frame the fields
   * @param {string} name of the field
   * @param {number} left end of the map, in pixels
   * @param {number} side of the map, in pixels
   * @param {boolean} first whether it is the leftmost one, which has numbers
   * @returns {PlotAxes}
   */
  drawField(sheet, frame, name, left, side, first) {
    const field = frame.fields[name];
    const [[x0, y0], [x1, y1]] = frame.box;
    const axes = fieldAxes(sheet, frame.box, left, side, frame.equal_units !== 0);
    const colour = colourScale("sequential", this.cell.dark);
    const { context } = axes;
    const [x, y] = [axes.px(x0), axes.py(y1)];
    const size = frame.cells ** 2;
    const bytes = this.bytesOf(field.speed).subarray(this.k * size, (this.k + 1) * size);
    const shares = Array.from(bytes, (byte) => byteValue(byte, 0, 1));
    const fine = refineField(shares, frame.cells, FINER);
    const image = fieldCanvas(fine, frame.cells * FINER, colour);
    context.imageSmoothingEnabled = true;
    context.drawImage(image, x, y, axes.px(x1) - x, axes.py(y0) - y);
    drawFieldFrame(axes, field.title, first);
    context.save();
    context.beginPath();
    context.rect(x, y, axes.px(x1) - x, axes.py(y0) - y);
    context.clip();
    if (this.shows("arrows")) this.drawArrows(axes, frame, name);
    if (this.shows("particles")) this.drawParticles(axes, frame);
    context.restore();
    drawColourLegend(axes, { low: 0, high: field.high[this.k] }, colour, side);
    return axes;
  }

  /**
   * @param {PlotAxes} axes of the map
   * @param {FlowFieldFrame} frame the fields
   * @param {string} name of the field
   */
  drawArrows(axes, frame, name) {
    const arrows = frame.arrows[name];
    const { knots, box, fields } = frame;
    if (!arrows) return;
    const bytes = this.bytesOf(arrows.xy);
    const [[x0, y0], [x1, y1]] = box;
    const cell = (axes.px(x1) - axes.px(x0)) / knots;
    const high = fields[name].high[this.k] || 1;
    const back = this.cell.dark ? "#000" : "#fff";
    for (let i = 0; i < knots * knots; i++) {
      const [u, v] = arrowAt(bytes, this.k * knots * knots + i, arrows.scale[this.k]);
      const speed = Math.hypot(u, v);
      if (!(speed > 0)) continue;
      // A root makes slow places visible; the colours say how fast they are.
      const length = (0.9 * cell * Math.sqrt(Math.min(1, speed / high))) / speed;
      const px = axes.px(x0 + ((i % knots) + 0.5) * ((x1 - x0) / knots));
      const py = axes.py(y0 + (Math.floor(i / knots) + 0.5) * ((y1 - y0) / knots));
      drawArrow(axes.context, [px, py], [px + u * length, py - v * length], axes.ink, back);
    }
  }

  /**
   * Draws where the particles have been, and where they are.
   * @param {PlotAxes} axes of the map
   * @param {FlowFieldFrame} frame the fields
   */
  drawParticles(axes, { particles }) {
    const { context } = axes;
    const colour = roleColour(ROLES.generated, this.cell.dark);
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 1;
    particles[0]?.forEach((_, p) => {
      context.globalAlpha = 0.55;
      context.beginPath();
      for (let k = 0; k <= this.k; k++) {
        const [x, y] = particles[k][p];
        context.lineTo(axes.px(x), axes.py(y));
      }
      context.stroke();
      context.globalAlpha = 1;
      const [x, y] = particles[this.k][p];
      axes.disc(axes.px(x), axes.py(y), 2.8);
    });
  }

  /** @param {FlowFieldFrame} frame what is explained */
  legend(frame) {
    /** @type {LegendEntry[]} */
    const legend = [];
    if (this.shows("particles")) {
      const colour = roleColour(ROLES.generated, this.cell.dark);
      legend.push(["particles of the learned field, with their ways so far", colour]);
    }
    if (this.shows("arrows")) legend.push(["arrows: direction; a longer one is faster", null]);
    if (frame.fields.exact) {
      legend.push(["no colour: hardly any point is there at this time", null]);
    }
    return legend;
  }

  /**
   * @param {number} x position across, in pixels
   * @param {number} y position from the top, in pixels
   * @returns {string | null} the values of all fields there
   */
  textAt(x, y) {
    const { frame } = this;
    const axes = this.maps.find((one) => {
      const inside = x >= one.px(one.x0) && x < one.px(one.x1);
      return inside && y > one.py(one.y1) && y <= one.py(one.y0);
    });
    if (!frame || !axes) return null;
    const [u, v] = axes.valueAt(x, y);
    const [[x0, y0], [x1, y1]] = frame.box;
    const { cells } = frame;
    const column = Math.floor(((u - x0) / (x1 - x0)) * cells);
    const row = Math.floor(((v - y0) / (y1 - y0)) * cells);
    if (column < 0 || row < 0 || column >= cells || row >= cells) return null;
    const at = (this.k * cells + row) * cells + column;
    const words = Object.values(frame.fields).map(({ title, high, speed }) => {
      const value = byteValue(this.bytesOf(speed)[at], 0, high[this.k]);
      return `${title}: ${value?.toPrecision(2) ?? "not shown"}`;
    });
    return `at (${u.toFixed(2)}, ${v.toFixed(2)}) — ${words.join(", ")}`;
  }
}
