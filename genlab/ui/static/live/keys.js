// Keys that belong to the whole page.

/** Elements that take the space bar for themselves. */
const TAKES_SPACE =
  "input:not([type=range]), textarea, select, button, a, summary, [contenteditable], " +
  "[role=combobox], [role=dialog], [role=slider], [role=option]";

/**
 * Tells whether a key press is the space bar, and no element takes it for itself.
 * @param {KeyboardEvent} event of any element of the page
 */
export function isFreeSpace(event) {
  const hasModifier = event.ctrlKey || event.altKey || event.metaKey;
  if (event.key !== " " || event.repeat || hasModifier) return false;
  const [target] = event.composedPath();
  return !(target instanceof Element && target.closest(TAKES_SPACE));
}
