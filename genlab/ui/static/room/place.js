// Where a browser is: the path and the query of its page, with what a live view changes in place
// apart from the rest.

/** @import { Moment } from "../shared/moment.js" */

/** @typedef {{ path: string, query: string }} Place */

/** Parameters that a live view changes without another page. */
const IN_PLACE = new Set([
  "step",
  "second",
  "clock",
  "open",
  "enlarged",
  "zoom",
  "log",
  "field",
  "layers",
  "present",
]);
/** Pages with a live view. */
const LIVE = new Set(["/watch", "/compare"]);

/**
 * Reads the place of an address below the address of the app.
 * @param {URL} address of the page
 * @param {URL} base of the app
 * @returns {Place}
 */
export function placeOf(address, base) {
  const inside = address.pathname.slice(base.pathname.length).replace(/\/+$/, "");
  return { path: `/${inside || "start"}`, query: address.search.replace(/^\?/, "") };
}

/**
 * Gives what makes two places different pages.
 * @param {Place} place it
 * @returns {string} equal for places between which a live view changes in place
 */
export function pageKey({ path, query }) {
  const kept = [...new URLSearchParams(query)].filter(([name]) => {
    return name !== "present" && !(LIVE.has(path) && IN_PLACE.has(name));
  });
  kept.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `${path}?${new URLSearchParams(kept).toString()}`;
}

/** @param {string} key of a page @returns {string} its path */
function pathOf(key) {
  return key.slice(0, key.indexOf("?"));
}

/** How long a page may take to open until it is asked for again, in milliseconds. */
const OPENING = 6000;

/**
 * Decides what a browser does that follows.
 * @param {string} at key of the page where it is
 * @param {string} teacher key of the teacher's page
 * @param {{ wanted: string, from: string, age: number, arrived: boolean }} asked for last: its
 *   key, the page where that was, how long ago in milliseconds, and whether it was reached
 * @returns {"there" | "go" | "wait" | "free"} free, if its person chose another page
 */
export function followStep(at, teacher, asked) {
  if (at === teacher) return "there";
  // A page may complete its own query after it was reached.
  if (asked.arrived && pathOf(at) !== pathOf(teacher)) return "free";
  if (asked.wanted !== teacher) return "go";
  if (asked.age < OPENING) return "wait";
  return at === asked.from ? "go" : "free";
}

/**
 * Gives the query that others follow: presenting is the teacher's alone.
 * @param {string} query of the address
 * @returns {string}
 */
export function withoutPresent(query) {
  const kept = [...new URLSearchParams(query)].filter(([name]) => name !== "present");
  return new URLSearchParams(kept).toString();
}

/**
 * Gives the moment that an address names.
 * @param {Place} place it
 * @returns {Moment | null} null where its page has no live view of a run
 */
export function momentOf({ path, query }) {
  const parameters = new URLSearchParams(query);
  const run = parameters.get(path === "/compare" ? "runs" : "run");
  if (!LIVE.has(path) || !run) return null;
  const clock = parameters.get("clock") ?? "step";
  const at = parameters.get(clock === "seconds" ? "second" : "step");
  const view = Object.fromEntries([...parameters].filter(([name]) => IN_PLACE.has(name)));
  return { run, at: at === null ? null : Number(at), clock, view };
}
