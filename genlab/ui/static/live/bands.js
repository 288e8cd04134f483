// A series of a study: for each arm the median over seeds with its band, and each run by name.

import { make } from "../shared/dom.js";
import { Chart, DASHES } from "./chart.js";
import { COLOURS } from "./chart_board.js";
import { Enlarger } from "./enlarge.js";
import { followTheme } from "./theme.js";

/** @import { BandInfo, BandsData } from "./wire" */
/** @import { Component } from "../shared/component" */

/** Time between two looks at the colours of the page, in milliseconds. */
const LOOK = 1000;

/** @type {WeakMap<HTMLElement | ShadowRoot, BandView>} */
const views = new WeakMap();

/**
 * Draws the bands, or updates the ones that are there.
 * @param {Component<BandsData>} component the place in the page
 * @returns {() => void} called when the view leaves the page
 */
export function mount({ data, parentElement }) {
  let view = views.get(parentElement);
  if (!view) views.set(parentElement, (view = new BandView(parentElement)));
  view.update(data);
  return () => view.rest();
}

/**
 * Says what is drawn.
 * @param {string} between the ends of the bands, in words
 */
export function bandWords(between) {
  return (
    `Thick: the median over seeds. Band: ${between}. Thin: each run; ` +
    "the pointer or the arrow keys up and down name it."
  );
}

class BandView {
  /** @type {Chart | null} */
  chart = null;
  key = "";
  background = "";
  /** @type {ReturnType<typeof setInterval> | undefined} */
  timer = undefined;

  /** @param {HTMLElement | ShadowRoot} parent where the view is appended */
  constructor(parent) {
    this.root = make("div", { class: "gl" }, parent);
    this.enlarger = new Enlarger(() => this.chart?.draw());
  }

  /** @param {BandsData} data what the page hands over */
  update(data) {
    clearInterval(this.timer);
    this.timer = setInterval(() => this.look(), LOOK);
    this.look();
    const chart = this.chartOf(data);
    chart.card.note.textContent = bandWords(data.between);
    chart.keepOnly(new Set(data.bands.map(({ arm }) => arm)));
    data.bands.forEach((band, index) => chart.setBand(band.arm, styleOf(band, index), band));
    const ends = data.bands.map(({ step }) => step[step.length - 1] ?? 1);
    chart.extent = [0, Math.max(1, ...ends)];
    chart.draw();
  }

  /**
   * Finds the chart of a series, or makes it in place of that of another one.
   * @param {BandsData} data the series
   */
  chartOf({ key, title }) {
    if (this.chart && this.key === key) return this.chart;
    this.enlarger.close();
    this.chart?.close();
    /** @type {Chart} */
    const chart = new Chart(
      this.root,
      { key, title, note: "" },
      {
        enlarge: (card) => this.enlarger.toggle(card),
        zoom: (range) => chart.setZoom(range),
        log: () => {},
      },
    );
    // It is the only card of its page, and as high as the large one of others.
    chart.card.root.classList.add("gl-main");
    this.key = key;
    this.chart = chart;
    return chart;
  }

  look() {
    this.background = followTheme(this.root, this.background);
  }

  /** Stops while the view is not on the page. */
  rest() {
    clearInterval(this.timer);
  }
}

/**
 * @param {BandInfo} band of an arm
 * @param {number} index of the arm: its colour and, so that it does not hang on that, its dashes
 */
function styleOf({ arm, runs }, index) {
  return {
    title: arm,
    note: runs.length === 1 ? "1 seed" : `${runs.length} seeds`,
    colour: `var(--gl-${index % COLOURS})`,
    dash: DASHES[index % DASHES.length],
    truth: null,
    truthLabel: "",
  };
}
