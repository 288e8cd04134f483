// A map of points on a canvas: hover shows the picture of a point, drag and wheel move the view, a
// click, a lasso or a box reports rows. Points come as 16-bit numbers, so that 10,000 are a small
// message. Each click has a number that no other has; the last few are reported together, so that
// none is lost where the server is slower than the reader.

import { fromBase64 } from "../shared/bytes.js";
import { context2d, make, pageUrl } from "../shared/dom.js";
import { isDarkPage, onThemeChange } from "../shared/page_theme.js";
import { drawGuests, drawLetters, drawOutline, drawRing, drawTexts } from "./annotations.js";
import { Gestures } from "./gestures.js";
import { joinGroup, leaveGroups, peersOf } from "./linked_maps.js";
import { readMapBytes } from "./map_bytes.js";
import { canvasPng, mapSvg, MOST_IN_SVG, saveFile } from "./map_file.js";
import { drawMapLegend } from "./map_legend.js";
import { Player } from "./player.js";
import { PointLayer } from "./point_layer.js";
import {
  decodePositions,
  positionsAt,
  project,
  scalePositions,
  spreadPositions,
  unproject,
  zoomAt,
} from "./positions.js";
import { PointGrid } from "./search.js";
import { chooseThumbnails, drawThumbnails, thumbnailSide } from "./thumbnails.js";
import { Tip } from "./tip.js";

/** @import { MapData } from "./wire" */
/** @import { Guest } from "./annotations.js" */
/** @import { Mode } from "./gestures.js" */
/** @import { Point } from "./search.js" */
/** @import { View } from "./positions.js" */
/** @import { MapBytes } from "./map_bytes.js" */
/** @import { Component } from "../shared/component" */

/** A point is meant from so near, in pixels. */
const NEAR = 14;
/** So many of the last clicks are reported together. */
const CLICKS = 4;
/** @type {Record<Mode, string>} */
const MODES = { move: "Move", lasso: "Lasso", box: "Box" };
/** @typedef {{ row: number } | { spot: [number, number] }} Click a point, or a place beside them */

/** @type {WeakMap<HTMLElement | ShadowRoot, ScatterMap>} */
const maps = new WeakMap();

/**
 * Draws the map, or updates the one that is there.
 * @param {Component<MapData>} component the place in the page
 * @returns {() => void} called when the map leaves the page
 */
export function mount({ data, parentElement, setStateValue }) {
  let map = maps.get(parentElement);
  if (!map) maps.set(parentElement, (map = new ScatterMap(parentElement, data)));
  map.report = setStateValue;
  map.update(data);
  return () => map.rest();
}

export class ScatterMap {
  /** @type {View} */
  view = { width: 0, height: 0, zoom: 1, x: 0, y: 0, yaw: 0.6, pitch: 0.35 };
  /** @type {Mode} */
  mode = "move";
  /** Id of the map that was drawn last. */
  id = "";
  /** Number of the last click. */
  clicks = 0;
  /** @type {(Click & { n: number })[]} */
  lastClicks = [];
  /** Row under the pointer, -1 without any. */
  hover = -1;
  /** Row that a linked map means, -1 without any. */
  peerHover = -1;
  /** Whether the points are drawn as pictures, as far as they fit. */
  hasPictures = true;
  /** The file of a large map, and its address. @type {{ url: string, bytes: MapBytes } | null} */
  file = null;
  /** @type {Set<number>} */
  selected = new Set();
  /** Positions of each snapshot. @type {Float32Array[]} */
  frames = [];
  /** Present positions. @type {Float32Array} */
  positions = new Float32Array(0);
  /** Where the points are on the screen. @type {Float32Array} */
  px = new Float32Array(0);
  /** Index of `px`, made when it is needed. @type {PointGrid | null} */
  grid = null;
  levels = new Uint8Array(0);
  /** @type {Uint8Array | null} */
  generated = null;
  /**
   * Up to so many points have stamps; undefined for the usual number.
   * @type {number | undefined}
   */
  mostStamps = undefined;
  /** @type {PointLayer | null} */
  layer = null;
  /** Whether the colours of the points are those of a dark page. */
  isDark = false;
  /** Request for the next drawing. */
  planned = 0;
  /** @type {(name: string, value: unknown) => void} */
  report = () => {};

  /**
   * @param {HTMLElement | ShadowRoot} parent where the map is appended
   * @param {MapData} data what is drawn
   */
  constructor(parent, data) {
    this.data = data;
    this.root = make("div", { class: "gl gl-map" }, parent);
    this.addTools();
    this.stage = make("div", { class: "gl-stage" }, this.root);
    const looks = { class: "gl-scatter", tabindex: 0, role: "application" };
    this.canvas = make("canvas", { ...looks, "aria-roledescription": "map" }, this.stage);
    this.overlay = make("canvas", { class: "gl-overlay", "aria-hidden": "true" }, this.stage);
    this.tip = new Tip(this.stage);
    this.player = new Player(this.root, (at) => this.showSnapshot(at));
    this.legend = make("div", { class: "gl-legend" }, this.root);
    this.setMode("move");
    this.gestures = new Gestures(this);
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    onThemeChange(this.root, () => this.dress());
    Object.assign(this.root, { map: this });
  }

  addTools() {
    const label = { class: "gl-tools", role: "toolbar", "aria-label": "Map" };
    const tools = make("div", label, this.root);
    /** @type {Map<Mode, HTMLButtonElement>} */
    this.buttons = new Map();
    for (const mode of /** @type {Mode[]} */ (Object.keys(MODES))) {
      const button = make("button", { type: "button" }, tools, MODES[mode]);
      button.addEventListener("click", () => this.setMode(mode));
      this.buttons.set(mode, button);
    }
    /** @param {string} text @param {() => void} act */
    const add = (text, act) => {
      const button = make("button", { type: "button" }, tools, text);
      button.addEventListener("click", act);
      return button;
    };
    add("Whole map", () => {
      this.fit();
      this.draw();
    });
    this.pictures = add("Images", () => {
      this.hasPictures = !this.hasPictures;
      this.draw();
    });
    add("Save PNG", () => void this.savePng());
    this.svg = add("Save SVG", () => this.saveSvg());
  }

  /** @param {Mode} mode what a drag does */
  setMode(mode) {
    this.mode = mode;
    for (const [name, button] of this.buttons ?? []) {
      button.setAttribute("aria-pressed", String(name === mode));
    }
  }

  /** Shows the whole map. */
  fit() {
    Object.assign(this.view, { zoom: 1, x: 0, y: 0 });
  }

  /** @param {MapData} data what the page hands over */
  update(data) {
    const isOther = this.id !== data.id;
    this.data = data;
    this.id = data.id;
    if (isOther) this.forget();
    this.clicks = Math.max(this.clicks, data.clicks ?? 0);
    joinGroup(this, data.link);
    if (data.binary && data.binary !== this.file?.url) {
      void this.fetchFile(data.binary);
      return;
    }
    const bytes = data.binary ? this.file?.bytes : null;
    const texts = data.frames ?? (data.xy === undefined ? [] : [data.xy]);
    this.frames = bytes
      ? [spreadPositions(bytes.positions, data)]
      : texts.map((text) => decodePositions(text, data));
    this.levels = data.colour ? fromBase64(data.colour) : (bytes?.levels ?? new Uint8Array(0));
    this.generated = data.generated ? fromBase64(data.generated) : (bytes?.generated ?? null);
    this.selected = new Set(data.set ?? []);
    this.canvas.setAttribute("aria-label", data.words);
    if (this.svg) this.svg.hidden = data.n > MOST_IN_SVG;
    this.player.setSnapshots(this.frames.length, data.steps ?? []);
    for (const [mode, button] of this.buttons ?? []) button.hidden = mode !== "move" && !data.pick;
    if (!data.pick) this.setMode("move");
    if (isOther && data.sprites) void this.fetchSheet(data.sprites.url);
    this.player.show(this.player.at);
    this.dress();
  }

  /** Gives points and legend the colours of the page, and draws them. */
  dress() {
    const { data, levels, generated } = this;
    this.isDark = isDarkPage(this.root);
    const layer = new PointLayer(data, levels, generated, this.isDark, this.mostStamps);
    this.layer = layer;
    const hasGenerated = !!generated?.includes(1);
    drawMapLegend(this.legend, data, layer.marks, hasGenerated, (context, mark) =>
      layer.drawLegendMark(context, mark),
    );
    this.draw();
  }

  /** Forgets the view of another map. */
  forget() {
    this.fit();
    this.setHover(-1);
    this.tip.sheet = null;
    this.player.at = 0;
    this.lastClicks = [];
  }

  /** @param {string} path of the file with the points of a large map */
  async fetchFile(path) {
    const answer = await fetch(pageUrl(path));
    const { data } = this;
    // Another map may have come in the meantime.
    if (!answer.ok || data.binary !== path) return;
    this.file = { url: path, bytes: readMapBytes(await answer.arrayBuffer(), data.n, data.dims) };
    this.update(this.data);
  }

  /** @param {string} path of the sheet with the pictures of the points */
  async fetchSheet(path) {
    const sheet = new Image();
    sheet.src = pageUrl(path).href;
    try {
      await sheet.decode();
    } catch {
      return;
    }
    if (this.data.sprites?.url !== path) return;
    this.tip.sheet = sheet;
    this.canvas.dataset.sheet = "1";
    this.showTip();
    this.draw();
  }

  // --- what is told about a point ---

  /** @param {number} row under the pointer, -1 without any */
  setHover(row) {
    this.hover = row;
    for (const peer of peersOf(this)) peer.showPeerHover(row);
    this.drawOverlay();
    this.showTip();
  }

  /** @param {number} row that a linked map means, -1 without any */
  showPeerHover(row) {
    this.peerHover = row;
    this.canvas.dataset.peer = String(row);
    this.drawOverlay();
  }

  /** @param {number[]} rows that a linked map selected */
  showPeerSelection(rows) {
    this.selected = new Set(rows);
    this.draw();
  }

  showTip() {
    const { hover, data, levels, px, view } = this;
    if (hover < 0 || hover >= data.n || px.length <= 2 * hover) {
      this.tip.hide();
      return;
    }
    const name = this.generated?.[hover] ? "generated" : data.names?.[levels[hover]];
    const value = data.values && `${data.values.title} ≈ ${this.value(hover, data.values)}`;
    const words = [`point ${hover}`, name, value].filter(Boolean).join(" · ");
    this.tip.show(hover, words, data.sprites ?? null, [px[2 * hover], px[2 * hover + 1]], view);
  }

  /**
   * @param {number} row of a point
   * @param {{ low: number, high: number }} values ends of the scale
   */
  value(row, { low, high }) {
    return (low + (this.levels[row] / 255) * (high - low)).toPrecision(3);
  }

  // --- drawing ---

  /** @param {number} at index of the snapshot; a fraction lies between two of them */
  showSnapshot(at) {
    this.positions = positionsAt(this.frames, at);
    this.draw();
  }

  /** Draws everything in the next frame of the screen. */
  draw() {
    if (this.planned) return;
    this.planned = requestAnimationFrame(() => {
      this.planned = 0;
      this.paint();
    });
  }

  /** Fits both canvases to the page. @returns {number} pixels of a canvas in a CSS pixel */
  resize() {
    const { canvas, overlay, view } = this;
    const ratio = window.devicePixelRatio || 1;
    view.width = canvas.clientWidth;
    view.height = canvas.clientHeight;
    const [width, height] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = overlay.width = width;
      canvas.height = overlay.height = height;
      this.layer?.resize();
    }
    return ratio;
  }

  paint() {
    const { canvas, data, view, layer } = this;
    const ratio = this.resize();
    if (!view.width || !layer) return;
    const begun = performance.now();
    const context = context2d(canvas);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    this.px = project(this.positions, data.dims, view, this.px);
    this.grid = null;
    layer.draw(context, this.px, this.selected, ratio);
    this.paintPictures(context);
    context.strokeStyle = context.fillStyle = getComputedStyle(this.root).color;
    const guests = this.placeGuests();
    drawLetters(context, data.marks ?? {}, this.px);
    drawGuests(context, guests, view);
    drawTexts(context, data.dims === 2 ? (data.axes ?? null) : null, data.quality ?? "", view);
    this.drawOverlay();
    canvas.dataset.points = String(data.n);
    canvas.dataset.took = (performance.now() - begun).toFixed(1);
    canvas.dataset.map = data.id;
    canvas.dataset.guests = guests
      .map(({ letter, x, y }) => `${letter} ${x.toFixed(1)} ${y.toFixed(1)}`)
      .join(";");
    canvas.dataset.set = String(this.selected.size);
  }

  /** @param {CanvasRenderingContext2D} context what is drawn on, in CSS pixels */
  paintPictures(context) {
    const { px, view, data, layer } = this;
    const { sheet } = this.tip;
    const hasSheet = !!data.sprites;
    if (this.pictures) this.pictures.hidden = !hasSheet;
    this.pictures?.setAttribute("aria-pressed", String(this.hasPictures));
    this.canvas.dataset.pictures = "0";
    if (!this.hasPictures || !sheet || !data.sprites || !layer) return;
    const side = thumbnailSide(data.sprites.width);
    const rows = chooseThumbnails(px, side, view.width, view.height);
    /** @param {number} row */
    const markOf = (row) => layer.markOf(row);
    drawThumbnails(context, rows, px, sheet, data.sprites, markOf, this.selected);
    this.canvas.dataset.pictures = String(rows.length);
  }

  /** Gives colours of text and background. @returns {{ ink: string, back: string }} */
  colours() {
    const style = getComputedStyle(this.root);
    const back = style.getPropertyValue("--st-background-color").trim() || "#fff";
    return { ink: style.color, back };
  }

  async savePng() {
    const file = await canvasPng(this.canvas, this.colours().back);
    if (file) saveFile(file, "map.png");
  }

  saveSvg() {
    const { layer, data } = this;
    if (!layer) return;
    /** @type {[string, string][]} */
    const names = (data.names ?? []).map((name, k) => [name, layer.marks[k].colour]);
    const looks = { words: data.words, names, ...this.colours() };
    const text = mapSvg(this.px, (row) => layer.markOf(row), this.view, looks);
    saveFile(new Blob([text], { type: "image/svg+xml" }), "map.svg");
  }

  /** Gives the reader's own points and where they are. @returns {Guest[]} */
  placeGuests() {
    const { data, view } = this;
    return (data.guests ?? []).map(({ letter, at }) => {
      const [x, y] = project(scalePositions(at, data), data.dims, view);
      return { letter, x, y };
    });
  }

  /** Draws what changes without the points: the ring under the pointer, and the lasso. */
  drawOverlay() {
    const { overlay, view, hover, px } = this;
    if (!view.width) return;
    const context = context2d(overlay);
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    const { ink, back } = this.colours();
    // A rim in the colour of the page keeps the ring visible among many points.
    for (const [row, radius] of [
      [hover, 6],
      [this.peerHover, 10],
    ]) {
      if (row < 0 || px.length <= 2 * row) continue;
      for (const [colour, width] of /** @type {[string, number][]} */ ([
        [back, 4],
        [ink, 1.5],
      ])) {
        context.strokeStyle = colour;
        context.lineWidth = width;
        drawRing(context, px[2 * row], px[2 * row + 1], radius);
      }
    }
    const outline = this.gestures.outline();
    if (outline) drawOutline(context, outline);
  }

  // --- what a reader does ---

  /**
   * @param {Point} at a pixel
   * @returns {number} row of the point that is meant, -1 without any
   */
  nearest(at) {
    this.grid ??= new PointGrid(this.px, this.view.width, this.view.height, NEAR);
    return this.grid.nearest(at);
  }

  /** @param {Point} at a pixel that was clicked */
  click(at) {
    const row = this.nearest(at);
    if (row >= 0) this.sendClick({ row });
    else if (this.data.spots && this.data.dims === 2) {
      this.sendClick({ spot: unproject(...at, this.view, this.data) });
    }
  }

  /** @param {Click} click that is reported with the last ones */
  sendClick(click) {
    this.clicks = Math.max(this.clicks + 1, Date.now());
    this.lastClicks = [...this.lastClicks, { ...click, n: this.clicks }].slice(-CLICKS);
    this.report("clicks", this.lastClicks);
  }

  /** @param {number[]} rows that are selected */
  select(rows) {
    this.selected = new Set(rows);
    for (const peer of peersOf(this)) peer.showPeerSelection(rows);
    this.report("set", { rows });
  }

  /**
   * @param {Point} at a pixel that keeps its place
   * @param {number} factor above 1 enlarges
   */
  zoom(at, factor) {
    zoomAt(this.view, ...at, factor);
    this.tip.hide();
    this.draw();
  }

  /** Stops while the map is not on the page. */
  rest() {
    leaveGroups(this);
    if (this.player.timer) this.player.pause();
  }
}
