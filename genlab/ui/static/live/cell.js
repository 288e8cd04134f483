// The pictures of one panel of one run. A cell shows one step at a time; the next picture is loaded
// before it replaces the last one.

import { PlotAxes } from "../shared/axes.js";
import { context2d, make, zoomOf } from "../shared/dom.js";
import { source } from "../shared/source.js";
import { FORMS, loadForm, UnknownForm } from "./forms.js";
import { SvgContext, svgFile } from "./svg_context.js";
import { frameTable, sheetTable } from "./tables.js";
import { tableSvg } from "./take.js";
import { frameWords } from "./timeline.js";

/** @import { Frame, Form, LegendEntry } from "./forms.js" */
/** @import { Table } from "./tables.js" */
/** @import { ViewState } from "./view_state.js" */
/** @import { ImagesFrame } from "./wire" */

/** So many descriptions of pictures are kept. */
const KEPT = 480;
const COLOURS = 10;
/** Side of a picture at most: in a group, beside the large one, and the large one, in pixels. */
const SIDE = 400;
const BESIDE = 260;
const MAIN = 680;
/** Share of the window that the large picture has at most. */
const SEEN = 0.72;
/** Height that an enlarged card has for what is around its picture, in pixels. */
const AROUND = 230;
/** The same while it is presented: the slider and the sentences stand above it. */
const AROUND_SHOWN = 320;
/** @type {Map<string, Promise<Frame>>} */
const cache = new Map();

/**
 * Loads the description of a picture, or takes it from the last ones.
 * @param {string} path where it is
 */
function fetchFrame(path) {
  const known = cache.get(path);
  if (known) return known;
  /** @type {Promise<Frame>} */
  const frame = source()
    .fetch(path)
    .then((reply) => {
      if (!reply.ok) throw new Error(String(reply.status));
      return reply.json();
    });
  cache.set(path, frame);
  frame.catch(() => cache.delete(path));
  for (const oldest of cache.keys()) {
    if (cache.size <= KEPT) break;
    cache.delete(oldest);
  }
  return frame;
}

/**
 * @typedef {object} CellOptions
 * @property {boolean} several whether pictures of several runs stand side by side
 * @property {HTMLElement} header where the step is written for one run alone
 * @property {ViewState} viewState how the page is looked at
 * @property {(frame: Frame, cell: Cell) => void} onFrame called when a picture is shown
 */

/** The pictures of one panel of one run. */
export class Cell {
  /** Step that should be shown. @type {number | null} */
  wanted = null;
  /** Step that is shown. @type {number | null} */
  shown = null;
  /** Step of the slider, null where it follows the newest. @type {number | null} */
  asked = null;
  visible = false;
  busy = false;
  /** Width in CSS pixels when the canvas was last drawn. */
  drawnWidth = 0;
  /**
   * Ranges of both axes over all pictures so far.
   * @type {[number, number, number, number] | null}
   */
  ranges = null;
  /** @type {Frame | null} */
  frame = null;
  /** @type {Form | null} */
  form = null;
  formName = "";
  /** @type {HTMLParagraphElement | null} */
  note = null;
  /** @type {{ canvas: HTMLCanvasElement, legend: HTMLElement } | null} */
  surface = null;
  /** Takes the place of the canvas while a file is written. @type {SvgContext | null} */
  recorder = null;
  /** Size of what was drawn last, in CSS pixels. */
  size = [0, 0];

  /**
   * @param {ParentNode} parent where the cell is appended
   * @param {{ id: string, title: string, colour: string, mark?: string }} run whose pictures these
   *   are
   * @param {string} panel name of the panel
   * @param {CellOptions} options what is around the cell
   */
  constructor(parent, run, panel, { several, header, viewState, onFrame }) {
    this.run = run;
    this.several = several;
    this.viewState = viewState;
    this.panel = panel;
    this.onFrame = onFrame;
    this.figure = make("figure", { "data-run": run.id }, parent);
    if (several) {
      header = make("figcaption", {}, this.figure);
      const name = make("span", {}, header);
      make("i", { "data-mark": run.mark ?? "square" }, name).style.background = run.colour;
      name.append(run.title);
      this.note = make("p", { class: "gl-note" }, this.figure);
    }
    this.stepText = make("span", { class: "gl-at", role: "status" }, header);
    this.message = make("div", { class: "gl-wait" }, this.figure, "Loading…");
  }

  /**
   * Gives the path of a picture.
   * @param {number} step when it was made
   * @param {"json" | "png"} format of the file
   */
  path(step, format) {
    const [run, panel] = [this.run.id, this.panel].map(encodeURIComponent);
    return `genlab/runs/${run}/frame/${panel}/${step}.${format}`;
  }

  /**
   * Gives the address of a sheet of images.
   * @param {number} step when it was made
   */
  sheetAddress(step) {
    return source().address(this.path(step, "png"));
  }

  /**
   * Shows the picture of a step as soon as it is loaded.
   * @param {number | undefined} step when it was made; undefined changes nothing
   * @param {number | null} asked step of the slider, null where it follows the newest
   */
  show(step, asked) {
    this.asked = asked;
    this.writeStep();
    if (step === undefined || step === this.wanted) return;
    this.wanted = step;
    void this.refresh();
  }

  /** Loads one picture at a time: while the slider is dragged, the newest wanted one comes next. */
  async refresh() {
    if (!this.visible || this.busy || this.wanted === null || this.wanted === this.shown) return;
    this.busy = true;
    const step = this.wanted;
    try {
      const frame = await fetchFrame(this.path(step, "json"));
      await loadForm(frame.form);
      await this.draw(frame, step);
      this.frame = frame;
      this.shown = step;
      this.figure.dataset.step = String(step);
      this.writeStep();
      this.message.hidden = true;
      this.onFrame(frame, this);
    } catch (error) {
      // The picture is gone or the connection is down: the last one stays, the next one is tried.
      if (this.wanted === step) this.wanted = null;
      if (error instanceof UnknownForm) this.message.textContent = error.message;
      else if (this.shown === null) this.message.textContent = "There is no picture of this step.";
    } finally {
      this.busy = false;
    }
    if (this.wanted !== null && this.wanted !== step) void this.refresh();
  }

  /** Says which step is shown, and that it is not that of the slider. */
  writeStep() {
    if (this.shown === null) return;
    const words = frameWords(this.shown, this.asked, this.several);
    if (this.stepText.textContent !== words) this.stepText.textContent = words;
    this.stepText.classList.toggle("gl-stale", words.includes(" the "));
  }

  /** Draws the present picture again, in new colours or at a new size. */
  redraw() {
    if (this.frame && this.frame.form !== "images") void this.draw(this.frame, this.shown ?? 0);
  }

  /**
   * Draws a picture with the module of its form.
   * @param {Frame} frame the picture
   * @param {number} step when it was made
   */
  draw(frame, step) {
    if (this.formName !== frame.form || !this.form) {
      const create = FORMS[frame.form];
      if (!create) throw new UnknownForm(frame.form, "Its script was not loaded.");
      this.form = create(this);
      this.formName = frame.form;
    }
    return this.form(frame, step);
  }

  /** Tells whether the page is dark. */
  get dark() {
    return !!this.figure.closest(".gl")?.classList.contains("gl-dark");
  }

  /** Gives the canvas and the legend below it. */
  canvasAndLegend() {
    if (this.surface) return this.surface;
    const canvas = make("canvas", { role: "img" }, this.figure);
    const legend = make("div", { class: "gl-keys" }, this.figure);
    new ResizeObserver(() => {
      const width = canvas.clientWidth;
      if (this.frame && width && width !== this.drawnWidth) this.redraw();
    }).observe(canvas);
    return (this.surface = { canvas, legend });
  }

  /** Gives the canvas that the pictures are drawn on. */
  get canvas() {
    return this.canvasAndLegend().canvas;
  }

  /**
   * Clears the canvas and gives axes on it.
   * @param {(width: number) => number} height from the width of the canvas to its height, in CSS
   *   pixels
   */
  clearedAxes(height) {
    const { canvas } = this;
    const ink = getComputedStyle(this.figure).color;
    const width = (this.drawnWidth = canvas.clientWidth || 320);
    const high = height(width);
    this.size = [width, high];
    if (this.recorder) {
      const context = /** @type {unknown} */ (this.recorder);
      return new PlotAxes(/** @type {CanvasRenderingContext2D} */ (context), width, high, ink);
    }
    const ratio = (window.devicePixelRatio || 1) * zoomOf(canvas);
    canvas.style.height = `${high}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(high * ratio);
    const context = context2d(canvas);
    context.scale(ratio, ratio);
    return new PlotAxes(context, width, high, ink);
  }

  /**
   * Says in words what the canvas shows.
   * @param {Frame} frame the picture
   */
  describe(frame) {
    this.canvas.setAttribute("aria-label", `${frame.title ?? this.panel}. ${frame.note ?? ""}`);
  }

  /** Gives the side that a picture may have in its card, in CSS pixels. */
  get side() {
    const card = this.figure.closest(".gl-card");
    if (!card) return SIDE;
    const { classList } = card;
    const seen = innerHeight / zoomOf(card);
    if (classList.contains("gl-shown")) return Math.max(180, seen - AROUND_SHOWN);
    if (classList.contains("gl-enlarged")) return Math.max(180, seen - AROUND);
    if (card.classList.contains("gl-main"))
      return Math.max(320, Math.min(MAIN, SEEN * innerHeight));
    return card.closest(".gl-first") ? BESIDE : SIDE;
  }

  /** Name of the files that are saved, without their ending. */
  get name() {
    return `${this.run.id} ${this.panel} step ${this.shown ?? 0}`;
  }

  /** Gives the picture as the text of an SVG file. */
  async svg() {
    const { frame } = this;
    if (!frame) throw new Error("There is no picture yet.");
    const style = getComputedStyle(this.figure.closest(".gl-card") ?? this.figure);
    const back = style.backgroundColor;
    if (frame.form === "images") return this.sheetSvg(back);
    if (!this.surface) return tableSvg(frameTable(frame) ?? [], style.color, back);
    this.recorder = new SvgContext();
    try {
      await this.draw(frame, this.shown ?? 0);
      return this.recorder.file(this.size[0], this.size[1], back);
    } finally {
      this.recorder = null;
      this.redraw();
    }
  }

  /** @param {string} back colour of the background */
  async sheetSvg(back) {
    const image = await this.sheetImage();
    const scale = Math.max(1, Math.round(640 / image.width));
    const [width, height] = [scale * image.width, scale * image.height];
    const canvas = make("canvas", { width, height });
    const context = context2d(canvas);
    context.imageSmoothingEnabled = false;
    context.drawImage(image, 0, 0, width, height);
    const size = `width="${width}" height="${height}"`;
    return svgFile(width, height, back, `<image href="${canvas.toDataURL()}" ${size}/>`);
  }

  /** Loads the sheet of images that is shown. */
  async sheetImage() {
    const image = new Image();
    image.src = this.sheetAddress(this.shown ?? 0);
    await image.decode();
    return image;
  }

  /**
   * Gives what is shown as a table.
   * @returns {Promise<Table>}
   */
  async table() {
    const { frame } = this;
    if (!frame) return [];
    const table = frameTable(frame);
    if (table) return table;
    const image = await this.sheetImage();
    const canvas = make("canvas", { width: image.width, height: image.height });
    const context = context2d(canvas);
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    return sheetTable(data, /** @type {ImagesFrame} */ (/** @type {unknown} */ (frame)));
  }

  /** Gives the colours of the palette, as the page's theme has them. */
  colours() {
    const style = getComputedStyle(this.figure);
    return Array.from({ length: COLOURS }, (_, i) => style.getPropertyValue(`--gl-${i}`).trim());
  }

  /**
   * Writes the legend.
   * @param {LegendEntry[]} entries texts with their colours; null is a remark without a colour
   */
  setLegend(entries) {
    const { legend } = this.canvasAndLegend();
    legend.replaceChildren();
    for (const [text, colour, sign = ""] of entries) {
      const entry = make("span", {}, legend);
      if (colour) make("i", { class: sign }, entry).style.setProperty("--gl-key", colour);
      entry.append(text);
    }
  }
}
