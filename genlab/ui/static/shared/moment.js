// The moment that a page shows: the run, its time slider, and what is drawn over it. A live view
// tells it to a room, and a room tells a live view which one to follow. Neither knows the other.

/**
 * @typedef {object} Moment
 * @property {string} run ids of the runs, between commas
 * @property {number | null} at point in time that is shown, null for the newest
 * @property {string} clock what the time slider counts
 * @property {Record<string, string | undefined>} view how the page is seen, as texts of a link
 */

/** @type {Set<(moment: Moment) => void>} */
const listeners = new Set();
/** @type {Map<string, (moment: Moment) => void>} */
const followers = new Map();
/** The moment that is followed, as long as it lasts. @type {Moment | null} */
let followed = null;

/**
 * Tells what a person has chosen to look at.
 * @param {Moment} moment it
 */
export function announceMoment(moment) {
  for (const listener of listeners) listener(moment);
}

/**
 * Listens to what the person at this browser chooses.
 * @param {(moment: Moment) => void} listener called with each choice
 * @returns {() => void} ends it
 */
export function onMoment(listener) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/**
 * Lets the live view of a run show a moment, now or as soon as there is one.
 * @param {Moment | null} moment it; null for none any more
 */
export function followMoment(moment) {
  followed = moment;
  if (moment) followers.get(moment.run)?.(moment);
}

/**
 * Offers a live view.
 * @param {string} run ids of its runs, between commas
 * @param {(moment: Moment) => void} show called with each moment that it shall show
 */
export function onFollow(run, show) {
  followers.clear();
  followers.set(run, show);
  if (followed?.run === run) show(followed);
}
