// Watch: what stands where, what the link says, what is saved, and the words for it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chartTable } from "../../genlab/ui/static/live/chart_file.js";
import { labelMargin, wrapLabel } from "../../genlab/ui/static/live/labels.js";
import { layOut, putFirst } from "../../genlab/ui/static/live/layout.js";
import { whyBoundUnmeasurable, whyUnmeasurable } from "../../genlab/ui/static/live/ledger.js";
import { escapeXml, SvgContext } from "../../genlab/ui/static/live/svg_context.js";
import { csvText, frameTable, sheetTable } from "../../genlab/ui/static/live/tables.js";
import { fileName } from "../../genlab/ui/static/live/take.js";
import { frameWords } from "../../genlab/ui/static/live/timeline.js";
import { formatView, parseView, toggled } from "../../genlab/ui/static/live/view_state.js";
import { roleOf, ROLES } from "../../genlab/ui/static/shared/roles.js";

/** @param {string} id @param {number} rank @param {string} section */
const card = (id, rank, section = "quality") => ({ id, rank, section });

test("at first sight there are the four cards of the highest rank, the large one first", () => {
  const cards = [
    card("a", 0, "latent"),
    card("b", 10),
    card("c", 90),
    card("d", 80, "learning"),
    card("e", 20),
    card("f", 70),
  ];
  const { first, groups } = layOut(cards, []);
  assert.deepEqual(first, ["c", "d", "f", "e"]);
  assert.deepEqual(groups, { quality: ["b"], latent: ["a"] });
  assert.deepEqual(layOut(cards, ["a"]).first, ["a", "c", "d", "f"]);
  assert.deepEqual(layOut([card("x", 0), card("y", 0)], []).first, ["x"]);
  assert.deepEqual(layOut([], []), { first: [], groups: {} });
});

test("a card that is put forward is the first one, and at most four are kept", () => {
  assert.deepEqual(putFirst(["a", "b", "c", "d"], "c"), ["c", "a", "b", "d"]);
  assert.deepEqual(putFirst(["a", "b", "c", "d"], "e"), ["e", "a", "b", "c"]);
});

test("a view is the same after the link was written and read", () => {
  const view = {
    open: ["quality", "critic"],
    enlarged: "panel:gap",
    zoom: /** @type {[number, number]} */ ([120.5, 4000]),
    log: ["loss/nats"],
    field: "truth",
    time: "0.25",
    layers: ["points"],
  };
  assert.deepEqual(parseView(formatView(view)), view);
  const none = { ...parseView({}), open: [], layers: [] };
  assert.deepEqual(parseView(formatView(none)), none);
  assert.deepEqual(formatView(parseView({})), {});
  assert.equal(parseView({ zoom: "9,1" }).zoom, null);
  assert.equal(parseView({ zoom: "a,b" }).zoom, null);
  assert.deepEqual(toggled(["a"], "b"), ["a", "b"]);
  assert.deepEqual(toggled(["a", "b"], "a"), ["b"]);
});

test("a picture between frames says which step it is of", () => {
  assert.equal(frameWords(2840, 3500, false), "step 2,840, the newest before 3,500");
  assert.equal(frameWords(2840, 2840, false), "step 2,840");
  assert.equal(frameWords(2840, null, false), "step 2,840");
  assert.equal(frameWords(2840, 2700.2, true), "step 2,840, the nearest to 2,700");
  assert.equal(frameWords(10, 4, false), "step 10, the first one");
});

test("labels of reference lines have a margin, or stand below a narrow chart", () => {
  assert.equal(labelMargin([], 900), 0);
  assert.equal(labelMargin(["log 2"], 320), 0);
  const margin = labelMargin(["floor of a perfect sampler = 0.0123"], 500);
  assert.ok(margin > 60 && margin <= 150);
  const lines = wrapLabel("floor of a perfect sampler = 0.0123", margin);
  assert.ok(lines.length > 1);
  assert.equal(lines.join(" "), "floor of a perfect sampler = 0.0123");
});

test("a label is not broken inside a formula, and its longest part has room", () => {
  for (const label of ["equilibrium: log 4", "equilibrium: −log 4", "JS = log 2 − 0.1 here"]) {
    for (let width = 400; width <= 1400; width += 20) {
      const lines = wrapLabel(label, labelMargin([label], width));
      assert.equal(lines.join(" "), label);
      assert.ok(!lines.some((line) => /(log|[=−])$|^[=−] /.test(line)), lines.join(" / "));
      const room = labelMargin([label], width) - 30;
      assert.ok(
        lines.every((line) => 7 * line.length <= room),
        `${width}: ${lines.join(" / ")}`,
      );
    }
  }
  assert.deepEqual(wrapLabel("equilibrium: log 4", 120), ["equilibrium:", "log 4"]);
});

test("a divergence that cannot be measured says why instead of a number", () => {
  const row = { at_least: null, unit: "dimensionless" };
  assert.match(whyUnmeasurable({ ...row, value: 1.16e66 }), /hardly reach/);
  assert.match(whyUnmeasurable({ ...row, value: "infinite", at_least: 3 }), /miss.*above 3/);
  assert.doesNotMatch(whyUnmeasurable({ ...row, value: "infinite", at_least: 1e9 }), /e9/);
  assert.equal(whyUnmeasurable({ ...row, value: 0.3 }), "");
  assert.equal(whyUnmeasurable({ ...row, value: 2e5, unit: "data units" }), "");
  const bound = { side: /** @type {"lower"} */ ("lower"), how: "critic", n: 512 };
  assert.equal(whyBoundUnmeasurable({ ...bound, value: 0.2, error: 0.1 }), "");
  assert.match(whyBoundUnmeasurable({ ...bound, value: -2e30, error: 1e30 }), /extreme/);
  assert.match(whyBoundUnmeasurable({ ...bound, value: "-infinite", error: null }), /extreme/);
});

test("tables are written as CSV", () => {
  const text = csvText([
    ["a", 'say "b"', "c,d"],
    [1, null, undefined],
  ]);
  assert.equal(text, 'a,"say ""b""","c,d"\r\n1,,\r\n');
});

test("pictures become tables of what they show", () => {
  const points = { form: "points", x: [[1, 2]], label: [1], classes: ["data", "generated"] };
  assert.deepEqual(frameTable(points), [
    ["x", "y", "class"],
    [1, 2, "generated"],
  ]);
  const bins = { form: "histogram", edges: [0, 1, 2], counts: { real: [3, 4] } };
  assert.deepEqual(frameTable(bins)?.[2], [1, 2, 4]);
  const bytes = btoa(String.fromCharCode(0, 127, 254, 255));
  const gap = {
    form: "gap",
    box: [
      [0, 0],
      [2, 2],
    ],
    cells: 2,
    fields: { d: { title: "D", low: 0, high: 1, z: bytes } },
    real: [[0.1, 0.2]],
    fake: [[0.3, 0.4]],
    arrows: [[0.01, 0.02]],
  };
  const table = frameTable(gap) ?? [];
  assert.deepEqual(table.slice(1, 3), [
    ["cell", 0.5, 0.5, 0],
    ["cell", 1.5, 0.5, 0.5],
  ]);
  assert.equal(table[4][3], null);
  assert.deepEqual(table[6], ["generated", 0.3, 0.4, null, 0.01, 0.02]);
  assert.equal(frameTable({ form: "images" }), undefined);
});

test("the pixels of a sheet become a row for each image", () => {
  // Two images of 1 x 2 beside each other: four pixels in a row.
  const pixels = [1, 2, 3, 4].flatMap((v) => [v, v, v, 255]);
  assert.deepEqual(sheetTable(pixels, { n: 2, columns: 2, shape: [1, 1, 2] }), [
    ["image", "value 0", "value 1"],
    [0, 1, 2],
    [1, 3, 4],
  ]);
});

test("a chart becomes a table of the lines in view", () => {
  /** @param {string} title */
  const style = (title) => ({
    title,
    note: "",
    colour: "",
    dash: "",
    truth: null,
    truthLabel: "",
  });
  const a = { x: [1, 2, 3], at: [1, 2, 3], y: [5, 6, 7], hidden: false, style: style("A") };
  const b = { x: [2], at: [2], y: [null], hidden: false, style: style("B") };
  const c = { ...a, hidden: true };
  const traces = new Map(Object.entries({ a, b, c }));
  assert.deepEqual(chartTable(traces, [2, 9], false), [
    ["step", "A", "B"],
    [2, 6, null],
    [3, 7, null],
  ]);
});

test("what is drawn is written as SVG, with its clips closed", () => {
  const pen = new SvgContext();
  pen.save();
  pen.beginPath();
  pen.rect(0, 0, 10, 10);
  pen.clip();
  pen.fillStyle = "red";
  pen.globalAlpha = 0.5;
  pen.fillRect(1, 2, 3, 4);
  pen.restore();
  pen.textAlign = "right";
  pen.fillText("a < b", 5, 6);
  const text = pen.file(20, 10, "#fff");
  assert.equal(text.match(/<g /g)?.length, text.match(/<\/g>/g)?.length);
  assert.match(text, /fill="red" fill-opacity="0.5"/);
  assert.match(text, /text-anchor="end".*fill="#000" fill-opacity="1">a &lt; b</);
  assert.equal(escapeXml('<&">'), "&lt;&amp;&quot;&gt;");
});

test("file names have no signs that a file system refuses", () => {
  assert.equal(fileName("Loss terms / nats: D(x)"), "Loss-terms-nats-D-x");
});

test("what a picture names has its role", () => {
  assert.equal(roleOf("generated"), ROLES.generated);
  assert.equal(roleOf("held-out")?.mark, "plus");
  assert.equal(roleOf("digit 3"), undefined);
});
