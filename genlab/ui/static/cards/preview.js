// The moving preview of a preset: pictures in one file that are shown one after the other. It plays
// once, for less than five seconds, and again while the pointer comes over it; with reduced motion
// the last picture stands still.

import { find, pageUrl } from "../shared/dom.js";

/** @import { Component } from "../shared/component" */

/**
 * @typedef {object} PreviewData
 * @property {string} address of the file with all pictures
 * @property {number} frames pictures in the file
 * @property {number} shape width of one picture, in heights
 * @property {string} alt what the pictures show
 */

/**
 * Shows a preview.
 * @param {Component<PreviewData>} component the place in the page
 * @returns {() => void} called when the preview leaves the page
 */
export function mount({ data, parentElement }) {
  const box = find(parentElement, "div");
  box.setAttribute("aria-label", data.alt);
  box.style.setProperty("--preview-frames", String(data.frames));
  box.style.setProperty("--preview-shape", String(data.shape));
  let isGone = false;
  const play = () => {
    box.classList.remove("playing");
    // Read the layout, so that the animation begins anew.
    void box.offsetWidth;
    box.classList.add("playing");
  };
  const image = new Image();
  image.src = pageUrl(data.address).href;
  void image.decode().then(
    () => {
      if (isGone || box.dataset.address === image.src) return;
      box.dataset.address = image.src;
      box.style.backgroundImage = `url("${image.src}")`;
      play();
    },
    () => {
      // Without the file the card has its words.
      if (!isGone) box.hidden = true;
    },
  );
  box.addEventListener("pointerenter", play);
  return () => {
    isGone = true;
    box.removeEventListener("pointerenter", play);
  };
}
