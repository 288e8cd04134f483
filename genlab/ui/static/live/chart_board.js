// The charts of all runs: which lines are in which chart, and one zoom for all of them.

import { Chart, DASHES } from "./chart.js";
import { toggled } from "./view_state.js";

/** @import { CardListener } from "./card.js" */
/** @import { ViewState } from "./view_state.js" */
/** @import { ChartInfo } from "./wire" */
/** @import { ChartEvent, ChartListener } from "./chart.js" */
/** @import { LiveRun } from "./run.js" */
/** @import { Range } from "../shared/axes.js" */

/** Colours of the palette. */
export const COLOURS = 10;

/** The charts of all runs. */
export class ChartBoard {
  /** @type {Chart[]} */
  charts = [];
  /**
   * @param {ParentNode} parent where the charts are appended
   * @param {ChartListener["pick"]} onPick called with the point in time that was chosen
   * @param {ViewState} viewState how the page is looked at
   * @param {CardListener} onCard what happens when the buttons of a card are pressed
   */
  constructor(parent, onPick, viewState, onCard) {
    this.parent = parent;
    this.onPick = onPick;
    this.viewState = viewState;
    this.onCard = onCard;
  }

  /** Removes all charts. */
  clear() {
    for (const chart of this.charts) chart.close();
    this.charts = [];
  }

  /** @param {Range | null} range that all charts show, null for all */
  setZoom(range) {
    this.viewState.change({ zoom: range });
    for (const chart of this.charts) chart.setZoom(range);
  }

  /**
   * Adds the lines of a group to its chart: one for all runs with the same numbers, another one for
   * a run of another kind.
   * @param {LiveRun} run whose lines are added
   * @param {ChartInfo} group the lines
   * @param {boolean} several whether there are several runs
   */
  addLines(run, group, several) {
    const chart = this.chartOf(group);
    for (const line of group.lines) {
      const index = chart.names.get(line.name) ?? chart.names.size;
      chart.names.set(line.name, index);
      const pattern = several ? index : Math.floor(index / COLOURS);
      chart.setLine(`${run.id}/${line.name}`, {
        title: several ? [run.title, line.title].filter(Boolean).join(": ") : line.title,
        note: line.note,
        colour: several ? run.colour : `var(--gl-${index % COLOURS})`,
        dash: DASHES[pattern % DASHES.length],
        truth: line.truth,
        truthLabel: line.truth_label,
      });
    }
  }

  /**
   * Finds the chart of a group, or makes it.
   * @param {ChartInfo} group the lines
   */
  chartOf(group) {
    const names = group.lines.map((line) => line.name);
    const known = this.charts.find((chart) => {
      return chart.group === group.key && names.some((name) => chart.names.has(name));
    });
    if (known) return known;
    const { facts } = this.viewState;
    const listener = {
      ...this.onCard,
      zoom: this.setZoom.bind(this),
      pick: this.onPick,
      /** @param {string} key */
      log: (key) => this.viewState.change({ log: toggled(this.viewState.facts.log, key) }),
    };
    const chart = new Chart(this.parent, group, listener);
    chart.group = group.key;
    chart.setZoom(facts.zoom);
    chart.setLog(facts.log.includes(group.key));
    this.charts.push(chart);
    return chart;
  }

  /**
   * Removes the points of a run.
   * @param {LiveRun} run the run
   */
  clearRun(run) {
    for (const chart of this.charts) chart.clear(`${run.id}/`);
  }

  /**
   * Appends points to the lines of a run.
   * @param {LiveRun} run the run
   * @param {number[]} steps of the points
   * @param {Record<string, (number | null)[]>} values at the steps, by name
   */
  append(run, steps, values) {
    for (const [name, column] of Object.entries(values)) {
      for (const chart of this.charts) chart.append(`${run.id}/${name}`, steps, column);
    }
  }

  /**
   * Draws all charts.
   * @param {ChartEvent[]} events that are marked
   * @param {number} last end of the horizontal axis
   * @param {Chart["toSeconds"]} toSeconds set where the axis shows seconds
   */
  draw(events, last, toSeconds) {
    for (const chart of this.charts) {
      chart.events = events;
      chart.extent = [0, last];
      chart.toSeconds = toSeconds;
      chart.draw();
    }
  }

  /** @param {number | null} at where the time marker is, null for none */
  setMarker(at) {
    for (const chart of this.charts) chart.setMarker(at);
  }
}
