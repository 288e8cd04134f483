// The place of the bar with a run's name, its progress and the time slider. The live view is one
// component and its bar another one, so that the page can have buttons between the two; the bar is
// before them in the order of the Tab key.

import { make } from "../shared/dom.js";
import { setBarPlace } from "./bar_places.js";

/** @import { Component } from "../shared/component" */

/**
 * Offers a place for the bar of a live view.
 * @param {Component<{ key: string }>} component the place in the page
 * @returns {() => void} called when the place leaves the page
 */
export function mount({ data, parentElement }) {
  /** @type {HTMLElement | null} */
  const known = parentElement.querySelector(".gl");
  const place = known ?? make("div", { class: "gl" }, parentElement);
  setBarPlace(data.key, place);
  return () => {};
}
