// Where the bars of live views stand: a view and the place of its bar find each other by a key,
// whichever comes first.

/** @type {Map<string, HTMLElement>} */
const places = new Map();
/** @type {Map<string, (place: HTMLElement) => void>} */
const listeners = new Map();

/**
 * Tells where the bar of a view stands.
 * @param {string} key of the view
 * @param {HTMLElement} place of its bar
 */
export function setBarPlace(key, place) {
  places.set(key, place);
  listeners.get(key)?.(place);
}

/**
 * Asks where the bar of a view stands.
 * @param {string} key of the view
 * @param {(place: HTMLElement) => void} take called with the place as soon as there is one, and
 *   again where it has changed
 */
export function onBarPlace(key, take) {
  listeners.set(key, take);
  const place = places.get(key);
  if (place?.isConnected) take(place);
}
