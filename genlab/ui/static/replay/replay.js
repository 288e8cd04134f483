// A hand-out: the live view and the pads over the answers in the file. The same modules draw here
// and on the server's pages.

import { mount as mountLive } from "../live/live.js";
import { find, make } from "../shared/dom.js";
import { grouped } from "../shared/format.js";
import { setSource } from "../shared/source.js";
import { fileSource, unpack } from "./file_source.js";
import { PadFollower } from "./pad_follower.js";
import { readPlace, writePlace } from "./place.js";

/** @import { LiveData } from "../live/wire" */
/** @import { Source } from "../shared/source.js" */
/** @import { PadInfo } from "./pad_follower.js" */

/**
 * Reads a JSON answer.
 * @param {Source} source of the file
 * @param {string} path of the answer
 */
async function readJson(source, path) {
  return (await source.fetch(path)).json();
}

/** Lets the reader choose light or dark; at first it is as the system has it. */
function offerTheme() {
  const root = document.documentElement;
  const button = find(document, "button", "#theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const show = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Show the page in ${isDark() ? "light" : "dark"} colours`);
    // The views look at their colours when the page becomes visible.
    document.dispatchEvent(new Event("visibilitychange"));
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    show();
  });
  system.addEventListener("change", show);
  button.hidden = false;
  show();
}

async function start() {
  const text = find(document, "script", "#data").textContent ?? "";
  const source = fileSource(await unpack(text));
  setSource(source);
  /** @type {LiveData} */
  const data = await readJson(source, "live.json");
  /** @type {{ pads: PadInfo[] }} */
  const { pads } = await readJson(source, "pads.json");
  const box = find(document, "div", "#pads");
  if (pads.length) make("h2", {}, box, "Move z, and the decoder draws");
  const followers = new Map();
  for (const pad of pads) followers.set(pad.id, new PadFollower(box, pad, source));
  const place = readPlace(location.hash);
  /** @type {Record<string, unknown>} */
  const state = { step: place.step ?? data.step, clock: place.clock ?? data.clock };
  mountLive({
    data: { ...data, ...place, view: { ...data.view, ...place.view } },
    parentElement: find(document, "div", "#live"),
    setStateValue: (name, value) => {
      state[name] = value;
      writePlace(state);
    },
    setTriggerValue: () => {},
    onTime: (run, step) => followers.get(run)?.show(step),
  });
  const count = pads.reduce((sum, pad) => sum + pad.steps.length, 0);
  if (count) {
    const words =
      `Decoders in this file: ${grouped(count)}. ` + "The pad uses the one nearest to the slider.";
    make("p", { class: "soft" }, box, words);
  }
  find(document, "p", "#problem").hidden = true;
  offerTheme();
}

start().catch(() => {
  find(document, "p", "#problem").textContent =
    "This browser is too old to unpack the file. Use one of the last three years.";
});
