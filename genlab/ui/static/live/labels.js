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

/**
 * Chooses the width of the right margin.
 * @param {string[]} labels of the reference lines
 * @param {number} width of the whole chart, in pixels
 * @returns {number} in pixels; 0 where there are no labels, or no room for them
 */
export function labelMargin(labels, width) {
  if (!labels.length || width < NARROW) return 0;
  const longest = Math.max(...labels.map((label) => label.length));
  return Math.min(longest * LETTER + SIGN + 8, LARGEST, Math.round(LARGEST_SHARE * width));
}

/**
 * Breaks a label into lines.
 * @param {string} label its words
 * @param {number} margin width that it has, in pixels
 * @returns {string[]} its lines; a word that is too long has a line of its own
 */
export function wrapLabel(label, margin) {
  const most = Math.max(6, Math.floor((margin - SIGN - 8) / LETTER));
  /** @type {string[]} */
  const lines = [];
  for (const word of label.split(" ")) {
    const last = lines[lines.length - 1];
    if (last !== undefined && last.length + word.length < most) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}
