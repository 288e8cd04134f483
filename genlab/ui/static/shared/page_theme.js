// Whether the page around a drawing is light or dark, and when that changes.

import { isDark, readColour } from "./colours.js";

/**
 * Tells whether the page is dark.
 * @param {HTMLElement} root of what is drawn
 */
export function isDarkPage(root) {
  const back = getComputedStyle(root).getPropertyValue("--st-background-color").trim();
  return !!back && isDark(readColour(back));
}

/**
 * Calls back when the page turns light or dark: the text then has another colour, and the end of
 * its transition is an event.
 * @param {HTMLElement} root of what is drawn
 * @param {() => void} act draws it anew
 */
export function onThemeChange(root, act) {
  root.style.transition = "color 1ms";
  root.addEventListener("transitionend", (event) => {
    if (event.target === root && event.propertyName === "color") act();
  });
}
