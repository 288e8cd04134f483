// The bar of a room. The teacher's browser says where it is whenever that changes; the others ask
// every moment and go there, unless their person looks around freely.

import { make, pageUrl } from "../shared/dom.js";
import { followMoment, onMoment } from "../shared/moment.js";
import { announcePoll } from "./poll_state.js";
import { followStep, momentOf, pageKey, placeOf, withoutPresent } from "./place.js";

/** @import { Component } from "../shared/component" */
/** @import { Moment } from "../shared/moment.js" */
/** @import { Place } from "./place.js" */
/** @import { PollState } from "./wire" */

/** Time between two looks at the own address, and between two messages, in milliseconds. */
const LOOK = 200;
const SEND = 150;
const RETRY = 3000;
const TIMEOUT = 8000;

/** What was asked for before anything was. */
const NOTHING = { wanted: "", from: "", time: -Infinity };

/** @typedef {{ code: string, leads: boolean, page: string, hidden: boolean }} RoomData */
/**
 * @typedef {object} RoomState
 * @property {number} number grows with each change
 * @property {string} path of the page
 * @property {string} query of its address
 * @property {Moment | Record<string, never>} moment of a live view
 * @property {number} here how many are there beside the teacher
 * @property {boolean} leader whether the teacher is
 * @property {PollState | null} poll what is asked
 * @property {number} again when to ask again, in milliseconds
 */

/** @type {WeakMap<HTMLElement | ShadowRoot, Room>} */
const rooms = new WeakMap();

/**
 * Draws the bar, or updates the one that is there.
 * @param {Component<RoomData>} component the place in the page
 * @returns {() => void} called when the bar leaves the page
 */
export function mount({ data, parentElement, setTriggerValue }) {
  let room = rooms.get(parentElement);
  if (!room || room.code !== data.code || room.leads !== data.leads) {
    room?.end();
    room?.root.remove();
    rooms.set(parentElement, (room = new Room(parentElement, data)));
  }
  room.go = (place) => setTriggerValue("go", { ...place, time: performance.now() });
  const mounted = room;
  mounted.show(!data.hidden);
  mounted.start();
  return () => mounted.end();
}

/** Gives the place of this browser. */
function here() {
  return placeOf(new URL(location.href), new URL(".", document.baseURI));
}

class Room {
  free = false;
  over = false;
  /** Number of the newest state that was followed. */
  number = 0;
  /** @type {RoomState | null} */
  state = null;
  /** The page that was asked for last to follow, the page where that was, and when. */
  asked = NOTHING;
  /** Key of the teacher's page that was reached last. */
  reached = "";
  /** What was sent last, as text. */
  sent = "";
  sending = false;
  /** @type {Moment | null} */
  moment = null;
  /** @type {ReturnType<typeof setTimeout>[]} */
  timers = [];
  running = false;
  /** @type {(place: Place) => void} */
  go = () => {};

  /**
   * @param {ParentNode} parent where the bar is appended
   * @param {RoomData} data what the page says
   */
  constructor(parent, { code, leads }) {
    this.code = code;
    this.leads = leads;
    this.key = `genlab.room.${code}.free`;
    this.free = !leads && readFlag(this.key);
    this.root = make("div", { class: "gl-room", role: "region", "aria-label": "Room" }, parent);
    this.words = make("span", { role: "status" }, this.root, `Room ${code}`);
    this.button = make("button", { type: "button" }, this.root);
    this.button.hidden = leads;
    this.button.addEventListener("click", () => this.setFree(!this.free));
    this.leaveForm = make("form", { method: "post", action: pageUrl("leave").href }, this.root);
    this.leaveForm.hidden = leads;
    make("button", { type: "submit", class: "gl-plain" }, this.leaveForm, "Leave");
    this.stopListening = () => {};
    this.draw();
  }

  /** @param {boolean} shown whether the bar is seen; a presentation has none */
  show(shown) {
    this.root.hidden = !shown;
    document.documentElement.style.setProperty("--gl-room", shown ? "64px" : "0px");
  }

  start() {
    if (this.running) return;
    this.running = true;
    this.stopListening = onMoment((moment) => this.onMoment(moment));
    this.look();
    void this.ask();
  }

  end() {
    this.running = false;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers = [];
    this.stopListening();
  }

  /** @param {() => void} task @param {number} delay in milliseconds */
  later(task, delay) {
    if (!this.running) return;
    const timer = setTimeout(() => {
      this.timers = this.timers.filter((other) => other !== timer);
      if (this.running) task();
    }, delay);
    this.timers.push(timer);
  }

  // --- the teacher ---

  /** @param {Moment} moment that this person chose */
  onMoment(moment) {
    if (this.leads) {
      this.moment = moment;
      void this.send();
    } else if (!this.free) this.setFree(true);
  }

  look() {
    const place = here();
    if (this.leads) void this.send();
    else if (!this.free && this.state) {
      const teacher = pageKey(this.state);
      const arrived = this.reached === teacher;
      const asked = { ...this.asked, age: performance.now() - this.asked.time, arrived };
      const step = followStep(pageKey(place), teacher, asked);
      if (step === "there") {
        this.asked = NOTHING;
        this.reached = teacher;
      } else if (step === "free") this.setFree(true);
      else if (step === "go") {
        this.asked = NOTHING;
        this.follow(this.state);
      }
    }
    this.later(() => this.look(), LOOK);
  }

  async send() {
    const place = here();
    if (this.moment && !place.query.includes(this.moment.run.split(",")[0])) this.moment = null;
    const text = JSON.stringify({
      path: place.path,
      query: withoutPresent(place.query),
      moment: this.moment ?? {},
    });
    if (this.sending || text === this.sent || place.path === "/room") return;
    this.sending = true;
    try {
      const reply = await fetch(pageUrl(`genlab/rooms/${this.code}/lead`), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: text,
        signal: AbortSignal.timeout(TIMEOUT),
      });
      if (reply.ok || reply.status < 500) this.sent = text;
      await new Promise((done) => setTimeout(done, SEND));
    } catch {
      await new Promise((done) => setTimeout(done, RETRY));
    } finally {
      this.sending = false;
    }
  }

  // --- those who follow ---

  async ask() {
    let again = RETRY;
    try {
      if (!document.hidden || this.leads) again = await this.fetchState();
    } catch {
      this.words.textContent = `Room ${this.code}: connection lost, trying again…`;
    }
    if (!this.over) this.later(() => void this.ask(), again);
  }

  /** @returns {Promise<number>} milliseconds until the next question */
  async fetchState() {
    const reply = await fetch(pageUrl(`genlab/rooms/${this.code}/state`), {
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    if (reply.status === 410) {
      this.over = true;
      this.draw();
      return RETRY;
    }
    if (!reply.ok) {
      const { error } = await reply.json();
      this.words.textContent = error;
      return RETRY;
    }
    /** @type {RoomState} */
    const state = await reply.json();
    this.state = state;
    announcePoll({ poll: state.poll, here: state.here });
    if (!this.leads && !this.free && state.number !== this.number) this.follow(state);
    this.draw();
    return state.again;
  }

  /** @param {RoomState} state that is shown from now on */
  follow(state) {
    this.number = state.number;
    const key = pageKey(state);
    followMoment(isMoment(state.moment) ? state.moment : momentOf(state));
    const from = pageKey(here());
    if (from === key || this.asked.wanted === key) return;
    this.asked = { wanted: key, from, time: performance.now() };
    this.reached = "";
    this.go({ path: state.path, query: state.query });
  }

  /** @param {boolean} free whether this person looks around freely from now on */
  setFree(free) {
    this.free = free;
    writeFlag(this.key, free);
    this.asked = NOTHING;
    this.reached = "";
    if (free) followMoment(null);
    else if (this.state) this.follow(this.state);
    this.draw();
  }

  draw() {
    const { state } = this;
    this.root.dataset.state = this.leads ? "leads" : this.free ? "free" : "follows";
    this.button.textContent = this.free ? "Return to the teacher" : "Look around freely";
    if (this.over) {
      this.words.textContent = `Room ${this.code} has ended. You may stay and look around.`;
      this.button.hidden = true;
      return;
    }
    const count = state?.here ?? 0;
    const people = `${count} ${count === 1 ? "person" : "people"} here`;
    const away = state && !state.leader ? " The teacher is away; the room stays." : "";
    const how = this.free ? "you look around freely." : "you follow the teacher.";
    const text = this.leads ? `Room ${this.code}: ${people}` : `Room ${this.code}: ${how}${away}`;
    if (this.words.textContent !== text) this.words.textContent = text;
  }
}

/**
 * Tells whether a room has a moment.
 * @param {Moment | Record<string, never>} moment as the server says it
 * @returns {moment is Moment}
 */
function isMoment(moment) {
  return typeof moment.run === "string";
}

/** @param {string} key of a flag that lasts as long as this tab */
function readFlag(key) {
  try {
    return sessionStorage.getItem(key) === "1";
  } catch {
    return false;
  }
}

/** @param {string} key of a flag @param {boolean} value it */
function writeFlag(key, value) {
  try {
    sessionStorage.setItem(key, value ? "1" : "0");
  } catch {
    // A browser that keeps nothing forgets this with the page.
  }
}
