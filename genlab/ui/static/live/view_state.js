// How the page is looked at: open groups, the enlarged card, zoom, logarithmic charts, and what is
// drawn on the maps. All of it is in the link; groups and order are kept in this browser as well.

/** @import { Range } from "../shared/axes.js" */
/** @import { ViewText } from "./wire" */

const STORED_GROUPS = "genlab.watch.groups";
const STORED_ORDER = "genlab.watch.order";

/**
 * @typedef {object} ViewFacts
 * @property {string[] | null} open groups; null where nothing was chosen
 * @property {string} enlarged id of the card that fills the window; empty for none
 * @property {Range | null} zoom part of the horizontal axis of the charts
 * @property {string[]} log keys of the charts with a logarithmic axis
 * @property {string} field that the maps show; empty where none was chosen
 * @property {string} time of the path that velocity fields show; empty where none was chosen
 * @property {string[] | null} layers that are drawn over the maps; null where nothing was chosen
 */

/** A view that says nothing: the page is told of what is no longer there as well. */
const EMPTY = { open: "", enlarged: "", zoom: "", log: "", field: "", time: "", layers: "" };
/** What a link says where a list was chosen to be empty. */
const NOTHING = "none";

/** @param {string | undefined} text entries between commas; null where none are given */
function parseList(text) {
  if (!text) return null;
  return text === NOTHING ? [] : text.split(",").filter(Boolean);
}

/** @param {string[]} list entries */
function formatList(list) {
  return list.join(",") || NOTHING;
}

/**
 * Reads a view from the texts of a link. What cannot be read is left out.
 * @param {ViewText} text by name
 * @returns {ViewFacts}
 */
export function parseView(text) {
  const [low, high] = (text.zoom ?? "").split(",").map(Number);
  return {
    open: parseList(text.open),
    enlarged: text.enlarged ?? "",
    zoom: low < high ? [low, high] : null,
    log: parseList(text.log) ?? [],
    field: text.field ?? "",
    time: text.time ?? "",
    layers: parseList(text.layers),
  };
}

/**
 * Writes a view as the texts of a link.
 * @param {ViewFacts} view what is written
 * @returns {ViewText} only what differs from the usual view
 */
export function formatView({ open, enlarged, zoom, log, field, time, layers }) {
  /** @type {ViewText} */
  const text = {};
  if (open) text.open = formatList(open);
  if (enlarged) text.enlarged = enlarged;
  if (zoom) text.zoom = zoom.map((at) => +at.toPrecision(6)).join(",");
  if (log.length) text.log = log.join(",");
  if (field) text.field = field;
  if (time) text.time = time;
  if (layers) text.layers = formatList(layers);
  return text;
}

/**
 * Adds an entry to a list, or removes it.
 * @param {string[]} list the entries
 * @param {string} entry one of them, or another one
 * @returns {string[]} a new list
 */
export function toggled(list, entry) {
  return list.includes(entry) ? list.filter((other) => other !== entry) : [...list, entry];
}

/**
 * Reads a list that is kept in this browser.
 * @param {string} key of the list
 * @returns {string[]} empty where nothing is kept, or nothing may be
 */
function readStored(key) {
  try {
    const found = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(found) ? found.filter((entry) => typeof entry === "string") : [];
  } catch {
    return [];
  }
}

/**
 * Keeps a list in this browser, where that is allowed.
 * @param {string} key of the list
 * @param {string[]} list its entries
 */
function store(key, list) {
  try {
    localStorage.setItem(key, JSON.stringify(list));
  } catch {
    // A browser that keeps nothing still shows everything.
  }
}

/** How the page is looked at, told to all that draw. */
export class ViewState {
  /** @type {ViewFacts} */
  facts = parseView({});
  /** Ids of the cards that were put forward. */
  order = readStored(STORED_ORDER);

  /** @param {(text: ViewText) => void} report called with the texts of the link after a change */
  constructor(report) {
    this.report = report;
  }

  /** @param {ViewText} text of the link */
  read(text) {
    this.facts = parseView(text);
  }

  /** Open groups: those of the link, else those that were open last in this browser. */
  get open() {
    return this.facts.open ?? readStored(STORED_GROUPS);
  }

  /**
   * Changes a part of the view.
   * @param {Partial<ViewFacts>} part what is new
   */
  change(part) {
    Object.assign(this.facts, part);
    if (part.open) store(STORED_GROUPS, part.open);
    this.report({ ...EMPTY, ...formatView(this.facts) });
  }

  /** @param {string[]} order ids of the cards that are put forward from now on */
  setOrder(order) {
    this.order = order;
    store(STORED_ORDER, order);
  }
}
