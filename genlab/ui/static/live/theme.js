// Whether the page around a view is dark: its colours are chosen by a class.

import { isDark, readColour } from "../shared/colours.js";

/**
 * Chooses the colours for a light or a dark page.
 * @param {HTMLElement} root of the view
 * @param {string} known background that the colours were chosen for, empty at first
 * @returns {string} the background now; where it is another one the class was set anew
 */
export function followTheme(root, known) {
  const background = getComputedStyle(root).getPropertyValue("--gl-back").trim();
  if (background !== known) root.classList.toggle("gl-dark", isDark(readColour(background)));
  return background;
}
