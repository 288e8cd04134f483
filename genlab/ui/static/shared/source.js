// Where the scripts read the data of a run: from the server of the page, or from the file that they
// stand in. Whatever draws a run asks the one source object and does not know which it is.

import { pageUrl } from "./dom.js";

/**
 * @typedef {object} Source
 * @property {(path: string, options?: RequestInit) => Promise<Response>} fetch gives the answer to
 *   a path such as "genlab/runs/r1/delta?since=0"
 * @property {(path: string) => string} address gives the address of an image, from its path
 * @property {(name: string) => { href: string, target: string }} lesson gives the link to a lesson
 */

/** The server of the page, wherever the app is mounted. @type {Source} */
export const SERVER = {
  fetch: (path, options) => fetch(pageUrl(path), options),
  address: (path) => pageUrl(path).href,
  lesson: (name) => {
    return { href: pageUrl(`learn?lesson=${encodeURIComponent(name)}`).href, target: "_blank" };
  },
};

let current = SERVER;

/** Gives the source of this page. */
export function source() {
  return current;
}

/** @param {Source} chosen the source of this page from now on */
export function setSource(chosen) {
  current = chosen;
}
