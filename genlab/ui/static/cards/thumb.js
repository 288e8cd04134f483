// A run's newest samples as a small picture that renews itself without a rerun or a flicker.

import { find, pageUrl } from "../shared/dom.js";

/** @import { Component } from "../shared/component" */

/** Milliseconds between two looks at an active run. */
const EVERY = 2000;

/** @typedef {{ address: string, alt: string, active: boolean }} ThumbData */
/** @typedef {{ tag: string | null, url: string | null, address: string }} Shown what is shown */

/** @type {WeakMap<HTMLElement | ShadowRoot, Shown>} */
const known = new WeakMap();

/**
 * Shows the picture of a run, again and again while the run is active.
 * @param {Component<ThumbData>} component the place in the page
 * @returns {() => void} called when the picture leaves the page
 */
export function mount({ data, parentElement }) {
  const image = find(parentElement, "img");
  image.alt = data.alt;
  const shown = known.get(parentElement) ?? { tag: null, url: null, address: "" };
  known.set(parentElement, shown);
  if (shown.address !== data.address) shown.tag = null;
  shown.address = data.address;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isGone = false;
  const look = async () => {
    if (!document.hidden) {
      try {
        await renew(image, shown, () => !isGone);
      } catch {
        // The server is away: the old picture stays.
      }
    }
    if (data.active && !isGone) timer = setTimeout(() => void look(), EVERY);
  };
  void look();
  return () => {
    isGone = true;
    clearTimeout(timer);
  };
}

/**
 * Loads the picture; a new one is decoded before it replaces the old one.
 * @param {HTMLImageElement} image where it is shown
 * @param {Shown} shown what is shown; changed in place
 * @param {() => boolean} isWanted whether the picture is still on the page
 */
async function renew(image, shown, isWanted) {
  const reply = await fetch(pageUrl(shown.address), { cache: "no-cache" });
  const tag = reply.headers.get("ETag");
  if (!reply.ok || !isWanted() || (tag !== null && tag === shown.tag)) return;
  const url = URL.createObjectURL(await reply.blob());
  const next = new Image();
  next.src = url;
  await next.decode();
  image.src = url;
  if (shown.url) URL.revokeObjectURL(shown.url);
  shown.url = url;
  shown.tag = tag;
}
