// What the bar of a room hears about votes, and whoever shows them. Neither knows the other.

/** @import { PollState } from "./wire" */

/** @typedef {{ poll: PollState | null, here: number }} Heard */

/** @type {Set<(heard: Heard) => void>} */
const listeners = new Set();

/**
 * Tells how the question of the room stands.
 * @param {Heard} heard the question, and how many people are there
 */
export function announcePoll(heard) {
  for (const listener of listeners) listener(heard);
}

/**
 * Listens to how the question of the room stands.
 * @param {(heard: Heard) => void} listener called with each state
 * @returns {() => void} ends it
 */
export function onPoll(listener) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/**
 * Gives the line that says how many have voted.
 * @param {number} votes that are in
 * @param {number} here how many people are in the room beside who asks
 * @returns {string}
 */
export function countWords(votes, here) {
  return `${votes} of ${Math.max(votes, here)} ${here === 1 ? "person has" : "people have"} voted`;
}

/**
 * Reads a typed number.
 * @param {string} text as typed; a comma is taken for a point
 * @param {number} low of the range
 * @param {number} high of the range
 * @returns {number | null} null where it is no number of the range
 */
export function parseGuess(text, low, high) {
  const value = Number(text.trim().replace(",", "."));
  return text.trim() && Number.isFinite(value) && value >= low && value <= high ? value : null;
}
