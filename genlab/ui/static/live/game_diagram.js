// A small diagram of the game: what goes from G to D, and which part computes. In slow motion the
// parts light up one after the other, once for each step.

import { make, makeSvg } from "../shared/dom.js";

/** Moments of a step in their order: the parts that are lit, and the words for it. */
const MOMENTS = [
  { lit: ["z", "G", "fake"], words: "G draws points from noise z." },
  { lit: ["real", "fake", "D"], words: "D compares them with data." },
  { lit: ["D"], words: "D learns: real towards 1, generated towards 0." },
  { lit: ["D", "back", "G"], words: "G learns: it follows the slope of D." },
];
/** Time for all moments of a step at most, in milliseconds. */
const LONGEST = 3000;
const WIDTH = 360;
const HEIGHT = 84;

/** The diagram of the game. */
export class GameDiagram {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer = undefined;

  /** @param {ParentNode} parent where it is appended */
  constructor(parent) {
    this.root = make("div", { class: "gl-game", hidden: "" }, parent);
    const looks = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" };
    const svg = makeSvg("svg", looks, this.root);
    svg.setAttribute("aria-label", "Noise z goes through G to D; data go to D; D gives D(x).");
    this.addPart(svg, "z", 18, 58, "z");
    this.addWay(svg, "z", "M 32 58 H 62");
    this.addBox(svg, "G", 64, "G");
    this.addWay(svg, "fake", "M 118 58 H 198");
    this.addPart(svg, "fake", 158, 50, "G(z)");
    this.addPart(svg, "real", 158, 18, "data");
    this.addWay(svg, "real", "M 180 14 H 226 V 36");
    this.addBox(svg, "D", 200, "D");
    this.addWay(svg, "D", "M 254 58 H 290");
    this.addPart(svg, "D", 318, 62, "D(x)");
    this.addWay(svg, "back", "M 226 80 H 91 V 82");
    this.words = make("p", { class: "gl-note" }, this.root);
  }

  /**
   * @param {Element} parent where it is appended
   * @param {string} part that it belongs to
   * @param {string} path of the line
   */
  addWay(parent, part, path) {
    makeSvg("path", { d: path, class: "gl-game-way", "data-part": part }, parent);
  }

  /**
   * @param {Element} parent where it is appended
   * @param {string} part that it belongs to
   * @param {number} x middle of the text
   * @param {number} y base line of the text
   * @param {string} text that is written
   */
  addPart(parent, part, x, y, text) {
    const looks = { x, y, class: "gl-game-text", "data-part": part };
    makeSvg("text", looks, parent, text);
  }

  /**
   * @param {Element} parent where it is appended
   * @param {string} part that it is
   * @param {number} x left end of the box
   * @param {string} text that is written in it
   */
  addBox(parent, part, x, text) {
    const looks = { x, y: 38, width: 54, height: 40, rx: 6, class: "gl-game-box" };
    makeSvg("rect", { ...looks, "data-part": part }, parent);
    this.addPart(parent, part, x + 27, 63, text);
  }

  /** Hides the diagram. */
  hide() {
    clearTimeout(this.timer);
    this.root.hidden = true;
  }

  /**
   * Shows the moments of one step.
   * @param {number} length of a step, in milliseconds
   */
  play(length) {
    clearTimeout(this.timer);
    this.root.hidden = false;
    const each = Math.min(LONGEST, length) / MOMENTS.length;
    const show = (/** @type {number} */ k) => {
      const { lit, words } = MOMENTS[k];
      for (const node of this.root.querySelectorAll("[data-part]")) {
        const { part } = /** @type {SVGElement} */ (node).dataset;
        node.classList.toggle("gl-lit", lit.includes(part ?? ""));
      }
      this.root.dataset.moment = String(k);
      this.words.textContent = words;
      if (k + 1 < MOMENTS.length) this.timer = setTimeout(() => show(k + 1), each);
    };
    show(0);
  }
}
