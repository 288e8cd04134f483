// The question of a room: the votes of this person, and how many have voted. The page draws the
// text of the question above it, and the answer once it is revealed.

import { CurvePlot } from "../learn/curve.js";
import { make, pageUrl } from "../shared/dom.js";
import { short } from "../shared/format.js";
import { countWords, onPoll, parseGuess } from "./poll_state.js";

/** @import { Component } from "../shared/component" */
/** @import { Heard } from "./poll_state.js" */
/** @import { PollData, PollForm, Vote } from "./wire" */

const TIMEOUT = 8000;
/** After how long a page that did not draw itself anew is asked again, in milliseconds. */
const RETRY = 4000;

/** @type {WeakMap<HTMLElement | ShadowRoot, Ballot>} */
const ballots = new WeakMap();

/**
 * Draws the ballot, or updates the one that is there.
 * @param {Component<PollData>} component the place in the page
 * @returns {() => void} called when the ballot leaves the page
 */
export function mount({ data, parentElement, setTriggerValue }) {
  let ballot = ballots.get(parentElement);
  if (!ballot) ballots.set(parentElement, (ballot = new Ballot(parentElement)));
  ballot.ask = () => setTriggerValue("changed", performance.now());
  ballot.update(data);
  const mounted = ballot;
  const stop = onPoll((heard) => mounted.hear(heard));
  return stop;
}

/**
 * @param {{ number: number, revealed: boolean } | null} poll
 * @returns {string} equal for the same
 */
const keyOf = (poll) => (poll?.number ? `${poll.number} ${poll.revealed}` : "none");

class Ballot {
  /** @type {PollData | null} */
  data = null;
  /** State for which the page was asked to draw itself anew, and when. */
  asked = "";
  askedAt = 0;
  /** @type {Vote | null} */
  mine = null;
  /** @type {() => void} */
  ask = () => {};
  /** @type {HTMLButtonElement[]} */
  buttons = [];

  /** @param {HTMLElement | ShadowRoot} parent where the ballot is appended */
  constructor(parent) {
    this.root = make("div", { class: "gl-poll" }, parent);
    this.body = make("div", { class: "gl-poll-body" }, this.root);
    this.count = make("p", { class: "gl-poll-count" }, this.root);
    this.words = make("p", { role: "status" }, this.root);
  }

  /** @param {PollData} data what the page says */
  update(data) {
    const isOther = keyOf(this.data) !== keyOf(data);
    this.data = data;
    this.asked = "";
    if (!isOther) return;
    this.mine = data.mine;
    this.body.replaceChildren();
    this.buttons = [];
    this.count.textContent = "";
    this.words.textContent = "";
    if (data.form && !data.revealed && !data.leads) {
      this.drawForm(data.form);
      this.say(this.mine === null ? "" : "Your vote is in.");
    }
  }

  /** @param {Heard} heard how the question stands */
  hear({ poll, here }) {
    const key = keyOf(poll);
    const isWaiting = this.asked === key && performance.now() - this.askedAt < RETRY;
    if (key !== keyOf(this.data) && !isWaiting) {
      this.asked = key;
      this.askedAt = performance.now();
      this.ask();
    }
    const text = poll && !poll.revealed ? countWords(poll.votes, here) : "";
    if (this.count.textContent !== text) this.count.textContent = text;
  }

  /** @param {PollForm} form how the question is answered */
  drawForm(form) {
    if (form.kind === "choices") this.drawChoices(form.options);
    else if (form.kind === "number") this.drawNumber(form);
    else this.drawCurve(form);
  }

  /** @param {string[]} options in words */
  drawChoices(options) {
    const group = make("div", { role: "group", "aria-label": "Your vote" }, this.body);
    this.buttons = options.map((text, place) => {
      const button = make("button", { type: "button" }, group, text);
      button.addEventListener("click", () => void this.send(place));
      return button;
    });
    this.mark();
  }

  mark() {
    this.buttons.forEach((button, place) => {
      button.setAttribute("aria-pressed", String(place === this.mine));
    });
  }

  /** @param {{ low: number, high: number, unit: string }} form range of the guesses */
  drawNumber({ low, high, unit }) {
    const form = make("form", {}, this.body);
    const range = `from ${short(low)} to ${short(high)}${unit ? ` (${unit})` : ""}`;
    const label = make("label", {}, form, `Your guess, ${range} `);
    const input = make("input", { inputmode: "decimal", maxlength: 20, size: 10 }, label);
    if (typeof this.mine === "number") input.value = String(this.mine);
    make("button", { type: "submit" }, form, "Vote");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const guess = parseGuess(input.value, low, high);
      if (guess === null) this.say(`Type a number ${range}.`);
      else void this.send(guess);
    });
  }

  /** @param {Extract<PollForm, { kind: "curve" }>} form the axes */
  drawCurve(form) {
    const drawn = Array.isArray(this.mine) ? this.mine : null;
    const data = { ...form, right: null, drawn };
    const plot = new CurvePlot(make("div", {}, this.body), data);
    plot.report = (curve) => curve && void this.send(curve);
    plot.update(data);
  }

  /** @param {string} text of the line below */
  say(text) {
    this.words.textContent = text;
  }

  /** @param {Vote} answer that counts from now on */
  async send(answer) {
    const { data } = this;
    if (!data) return;
    try {
      const reply = await fetch(pageUrl(`genlab/rooms/${data.code}/vote`), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ number: data.number, answer }),
        signal: AbortSignal.timeout(TIMEOUT),
      });
      const { error } = await reply.json();
      if (!reply.ok) return this.say(error);
    } catch {
      return this.say("The vote did not reach the server. Vote again.");
    }
    this.mine = answer;
    this.mark();
    this.say("Your vote is in. You may change it until the answer is revealed.");
  }
}
