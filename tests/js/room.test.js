import assert from "node:assert/strict";
import { test } from "node:test";
import { neighbour } from "../../genlab/ui/static/live/present.js";
import {
  followStep,
  momentOf,
  pageKey,
  placeOf,
  withoutPresent,
} from "../../genlab/ui/static/room/place.js";
import {
  announceMoment,
  followMoment,
  onFollow,
  onMoment,
} from "../../genlab/ui/static/shared/moment.js";

test("a place is the path below the app and its query", () => {
  const base = new URL("http://lab.test/genlab/");
  const at = (/** @type {string} */ path) => placeOf(new URL(path, base), base);
  assert.deepEqual(at("/genlab/watch?run=a"), { path: "/watch", query: "run=a" });
  assert.deepEqual(at("/genlab/"), { path: "/start", query: "" });
  assert.deepEqual(at("/genlab/watch/"), { path: "/watch", query: "" });
});

test("the slider of a live view is no other page, the slider of a lesson is one", () => {
  const watch = (/** @type {string} */ query) => pageKey({ path: "/watch", query });
  assert.equal(watch("run=a&step=3"), watch("layers=none&run=a"));
  assert.notEqual(watch("run=a"), watch("run=b"));
  assert.notEqual(
    pageKey({ path: "/explore", query: "run=a&step=3" }),
    pageKey({ path: "/explore", query: "run=a&step=4" }),
  );
  assert.equal(
    pageKey({ path: "/learn", query: "b=1&a=2" }),
    pageKey({ path: "/learn", query: "a=2&b=1" }),
  );
});

test("an address names a moment where its page has a live view", () => {
  const query = "run=a&step=3&layers=none";
  const moment = momentOf({ path: "/watch", query });
  assert.deepEqual([moment?.run, moment?.at, moment?.clock], ["a", 3, "step"]);
  assert.equal(moment?.view.layers, "none");
  const compare = momentOf({ path: "/compare", query: "runs=a,b&clock=seconds&second=1.5" });
  assert.deepEqual([compare?.run, compare?.at], ["a,b", 1.5]);
  assert.equal(momentOf({ path: "/watch", query: "run=a" })?.at, null);
  assert.equal(momentOf({ path: "/explore", query }), null);
});

test("a page that does not open is asked for again; a third page is the person's choice", () => {
  const asked = (/** @type {number} */ age) => {
    return { wanted: "/watch?run=b", from: "/room?", age, arrived: false };
  };
  const step = (/** @type {string} */ at, /** @type {number} */ age) =>
    followStep(at, "/watch?run=b", asked(age));
  assert.equal(step("/watch?run=b", 100), "there");
  assert.equal(step("/room?", 100), "wait");
  assert.equal(step("/room?", 60_000), "go");
  assert.equal(step("/watch?", 100), "wait");
  assert.equal(step("/learn?", 60_000), "free");
  assert.equal(followStep("/learn?", "/watch?run=c", asked(100)), "go");
  // Once it was there, another page is a choice; a longer query is not.
  const reached = { wanted: "", from: "", age: Infinity, arrived: true };
  assert.equal(followStep("/learn?", "/watch?run=b", reached), "free");
  assert.equal(followStep("/watch?layers=1&run=b", "/watch?run=b", reached), "go");
});

test("nobody follows into the presentation", () => {
  assert.equal(withoutPresent("run=a&present=1"), "run=a");
  assert.equal(withoutPresent(""), "");
});

test("a moment reaches the live view of its run, also one that comes later", () => {
  /** @type {unknown[]} */
  const shown = [];
  const moment = { run: "a", at: 3, clock: "step", view: {} };
  followMoment(moment);
  onFollow("b", (one) => shown.push(one));
  assert.deepEqual(shown, []);
  onFollow("a", (one) => shown.push(one));
  assert.deepEqual(shown, [moment]);
  followMoment(null);
  onFollow("a", (one) => shown.push(one));
  assert.equal(shown.length, 1);
});

test("what is chosen is told until the end", () => {
  /** @type {unknown[]} */
  const heard = [];
  const end = onMoment((one) => heard.push(one));
  const moment = { run: "a", at: null, clock: "step", view: {} };
  announceMoment(moment);
  end();
  announceMoment(moment);
  assert.deepEqual(heard, [moment]);
});

test("a clicker goes to the next card, and stays at the last one", () => {
  const ids = ["a", "b", "c"];
  assert.deepEqual(
    ["a", "b", "c", "gone", ""].map((id) => neighbour(ids, id, 1)),
    ["b", "c", "c", "b", "b"],
  );
  assert.equal(neighbour(ids, "b", -1), "a");
  assert.equal(neighbour(ids, "a", -1), "a");
  assert.equal(neighbour([], "a", 1), "");
});
