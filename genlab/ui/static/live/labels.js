// Labels of reference lines: how wide the margin beside a plot is, and how its words are broken.
// Nothing here touches the page.

/** Width of a letter of 13 px on average, in pixels. */
const LETTER = 7;
/** Width of the sign before a label, in pixels. */
const SIGN = 22;
/** Narrower plots have their labels below. */
const NARROW = 400;
const LARGEST_SHARE = 0.3;
const LARGEST = 190;

/** Words between which a line does not end: a sign or a function with what it is applied to. */
const BOUND = / (?=[=+−·×/<>≤≥≈%(])|(?<=[=+−·×/<>≤≥≈]|\b(?:log|exp|max|min|JS|KL)) (?=\S)/g;

/**
 * Gives the parts of a label that stay on one line each, such as `log 4` and `= 0.693`.
 * @param {string} label its words
 */
function partsOf(label) {
  return label
    .replace(BOUND, "\u00a0")
    .split(" ")
    .map((part) => part.replaceAll("\u00a0", " "));
}

/**
 * Chooses the width of the right margin.
 * @param {string[]} labels of the reference lines
 * @param {number} width of the whole chart, in pixels
 * @returns {number} in pixels; 0 where there are no labels, or no room for them
 */
export function labelMargin(labels, width) {
  if (!labels.length || width < NARROW) return 0;
  const longest = Math.max(...labels.map((label) => label.length));
  const part = Math.max(...labels.flatMap(partsOf).map((words) => words.length));
  const most = Math.max(Math.min(LARGEST, Math.round(LARGEST_SHARE * width)), neededBy(part));
  return Math.min(neededBy(longest), most, Math.round(width / 2));
}

/** @param {number} letters of a line of a label */
const neededBy = (letters) => letters * LETTER + SIGN + 8;

/**
 * Breaks a label into lines.
 * @param {string} label its words
 * @param {number} margin width that it has, in pixels
 * @returns {string[]} its lines; a part that is too long has a line of its own
 */
export function wrapLabel(label, margin) {
  const most = Math.max(6, Math.floor((margin - SIGN - 8) / LETTER));
  /** @type {string[]} */
  const lines = [];
  for (const part of partsOf(label)) {
    const last = lines[lines.length - 1];
    if (last !== undefined && last.length + part.length < most) {
      lines[lines.length - 1] = `${last} ${part}`;
    } else lines.push(part);
  }
  return lines;
}
