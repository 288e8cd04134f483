// The tools of the Explore page: positions, search, pixels and moves of a code.

import assert from "node:assert/strict";
import { test } from "node:test";

import { joinGroup, leaveGroups, peersOf } from "../../genlab/ui/static/explore/linked_maps.js";
import { readMapBytes } from "../../genlab/ui/static/explore/map_bytes.js";
import { mapSvg } from "../../genlab/ui/static/explore/map_file.js";
import { kindsOf, marksOf } from "../../genlab/ui/static/explore/marks.js";
import { colourWord, squareSide, writeSquares } from "../../genlab/ui/static/explore/pixels.js";
import { clampToPad, moveInPlane } from "../../genlab/ui/static/explore/plane.js";
import {
  decodePositions,
  pixelsPerUnit,
  positionsAt,
  project,
  scalePositions,
  unproject,
  zoomAt,
} from "../../genlab/ui/static/explore/positions.js";
import {
  boxOutline,
  isInside,
  nearestPoint,
  nextPoint,
  PointGrid,
  pointsInside,
} from "../../genlab/ui/static/explore/search.js";
import { chooseThumbnails, thumbnailSide } from "../../genlab/ui/static/explore/thumbnails.js";
import { tipPosition } from "../../genlab/ui/static/explore/tip.js";
import { drawStroke, fillCurve } from "../../genlab/ui/static/learn/stroke.js";
import { dot } from "../../genlab/ui/static/shared/numbers.js";
import { ROLES } from "../../genlab/ui/static/shared/roles.js";
import { assertClose } from "./close.js";

const VIEW = { width: 400, height: 300, zoom: 1, x: 0, y: 0, yaw: 0, pitch: 0 };
const BOX = { low: [0, 10], high: [4, 12], dims: 2 };

/** Numbers that look random and are the same in every run. @param {number} seed */
function generator(seed) {
  let state = seed;
  return () => {
    state = (1664525 * state + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

// --- positions ---

test("16-bit numbers become positions about the middle, in one scale for all axes", () => {
  const whole = new Uint16Array([0, 0, 65535, 65535, 32768, 32768]);
  const text = Buffer.from(whole.buffer).toString("base64");
  assertClose(decodePositions(text, BOX), [-1, -0.5, 1, 0.5, 0, 0], 2e-5);
  assertClose(scalePositions([0, 10, 2, 11], BOX), [-1, -0.5, 0, 0]);
  assertClose(scalePositions([5, 5], { low: [5, 5], high: [5, 5], dims: 2 }), [0, 0]);
});

test("between two snapshots the points are on a straight line", () => {
  const frames = [Float32Array.of(0, 0), Float32Array.of(1, 4)];
  assert.equal(positionsAt(frames, 0), frames[0]);
  assert.equal(positionsAt(frames, 1), frames[1]);
  assertClose(positionsAt(frames, 0.25), [0.25, 1]);
  assert.equal(positionsAt([frames[0]], 0.5), frames[0]);
});

test("the whole map fits the canvas, with a margin, upwards positive", () => {
  assert.equal(pixelsPerUnit(VIEW), 128);
  assertClose(project(Float32Array.of(-1, 1, 0, 0, 1, -1), 2, VIEW), [72, 22, 200, 150, 328, 278]);
});

test("a turn by a quarter brings the third axis to the front", () => {
  const view = { ...VIEW, yaw: Math.PI / 2 };
  assertClose(project(Float32Array.of(0, 0, 1), 3, view), [328, 150], 1e-4);
  const tilted = { ...VIEW, pitch: Math.PI / 2 };
  assertClose(project(Float32Array.of(0, 0, -1), 3, tilted), [200, 22], 1e-4);
  // Distances from the middle stay in a turn seen along its axis.
  const [x, y] = project(Float32Array.of(0.6, 0, 0.8), 3, { ...VIEW, yaw: Math.atan2(0.8, 0.6) });
  assertClose([x, y], [328, 150], 1e-4);
});

test("what is projected is found again", () => {
  const view = { ...VIEW, zoom: 3, x: 40, y: -20 };
  const [px, py] = project(scalePositions([1.25, 11.75], BOX), 2, view);
  assertClose(unproject(px, py, view, BOX), [1.25, 11.75], 1e-5);
});

test("zooming keeps the pixel under the pointer, within limits", () => {
  const view = { ...VIEW, x: 13, y: 7 };
  const before = unproject(90, 60, view, BOX);
  zoomAt(view, 90, 60, 2.5);
  assert.equal(view.zoom, 2.5);
  assertClose(unproject(90, 60, view, BOX), before, 1e-9);
  zoomAt(view, 90, 60, 1e9);
  assert.equal(view.zoom, 200);
  zoomAt(view, 90, 60, 1e-9);
  assert.equal(view.zoom, 0.3);
  assertClose(unproject(90, 60, view, BOX), before, 1e-9);
});

// --- search ---

test("the grid finds what a search through all points finds", () => {
  const random = generator(3);
  const px = Float32Array.from({ length: 4000 }, (_, i) => (i % 2 ? 340 : 440) * random() - 20);
  const grid = new PointGrid(px, 400, 300, 14);
  let hits = 0;
  for (let k = 0; k < 500; k++) {
    const at = [400 * random(), 300 * random()];
    const found = grid.nearest(at);
    const exact = nearestPoint(px, at, 14);
    // Points outside of the screen are not found; here they may only be missed at its edge.
    if (exact >= 0 && (px[2 * exact] < 0 || px[2 * exact] >= 406)) continue;
    if (exact >= 0 && (px[2 * exact + 1] < 0 || px[2 * exact + 1] >= 308)) continue;
    assert.equal(found, exact);
    if (found >= 0) hits++;
  }
  assert.ok(hits > 300);
});

test("of equally near points the first one is found, and nothing beyond the radius", () => {
  const px = Float32Array.of(50, 50, 50, 50, 10, 10);
  const grid = new PointGrid(px, 100, 100, 14);
  assert.equal(grid.nearest([52, 50]), 0);
  assert.equal(grid.nearest([80, 80]), -1);
  assert.equal(grid.nearest([64, 50]), -1);
  assert.equal(grid.nearest([63.9, 50]), 0);
  assert.equal(new PointGrid(new Float32Array(0), 100, 100, 14).nearest([1, 1]), -1);
  assert.equal(new PointGrid(Float32Array.of(NaN, NaN), 100, 100, 14).nearest([1, 1]), -1);
});

test("arrow keys go to the next point in their direction", () => {
  const px = Float32Array.of(0, 0, 10, 0, 30, 1, 5, 40, -10, 0);
  assert.equal(nextPoint(px, 0, [1, 0]), 1);
  assert.equal(nextPoint(px, 1, [1, 0]), 2);
  assert.equal(nextPoint(px, 0, [0, 1]), 3);
  assert.equal(nextPoint(px, 0, [-1, 0]), 4);
  assert.equal(nextPoint(px, 4, [-1, 0]), 4);
  assert.equal(nearestPoint(px, [28, 0]), 2);
});

test("an outline holds what lies inside, also where it is not convex", () => {
  const shape = [
    [0, 0],
    [10, 0],
    [10, 10],
    [5, 5],
    [0, 10],
  ];
  assert.ok(isInside(5, 2, shape) && isInside(1, 8, shape) && isInside(9, 8, shape));
  assert.ok(!isInside(5, 8, shape) && !isInside(-1, 5, shape) && !isInside(11, 5, shape));
  const px = Float32Array.of(5, 2, 5, 8, 9, 8);
  assert.deepEqual(pointsInside(px, shape), [0, 2]);
  const box = boxOutline([8, 9], [1, 1]);
  assert.ok(isInside(5, 5, box) && !isInside(0, 5, box) && !isInside(5, 9.5, box));
});

test("a note stands beside its point, within the canvas", () => {
  const [size, canvas] = [
    { width: 100, height: 60 },
    { width: 400, height: 300 },
  ];
  assert.deepEqual(tipPosition([50, 150], size, canvas), [66, 120]);
  assert.deepEqual(tipPosition([350, 150], size, canvas), [234, 120]);
  assert.deepEqual(tipPosition([50, 5], size, canvas), [66, 0]);
  assert.deepEqual(tipPosition([50, 299], size, canvas), [66, 240]);
  assert.deepEqual(tipPosition([60, 20], size, { width: 120, height: 40 }), [0, 0]);
});

// --- pixels and marks ---

test("a colour word has its bytes in the order of an image", () => {
  const words = Uint32Array.of(colourWord([1, 2, 3]), colourWord([255, 128, 0], 51));
  assert.deepEqual([...new Uint8Array(words.buffer)], [1, 2, 3, 255, 255, 128, 0, 51]);
});

test("more points have smaller squares", () => {
  const sides = [5000, 100_000, 1_000_000].map((n) => squareSide(n, 1));
  assert.deepEqual(sides, [4, 2, 1]);
  assert.equal(squareSide(1_000_000, 0.5), 1);
  assert.equal(squareSide(5000, 2), 8);
});

/** @param {object} more fields of the squares @param {(i: number) => boolean} [isDrawn] */
function drawn(more, isDrawn) {
  const image = new Uint32Array(64);
  const squares = { kinds: Uint8Array.of(0, 1), words: Uint32Array.of(7, 9), ratio: 1, ...more };
  return [writeSquares(image, 8, 8, squares, isDrawn), image];
}

test("squares are centred, later ones cover earlier ones, none crosses the edge", () => {
  const [count, image] = drawn({ px: Float32Array.of(2, 2, 3, 2), side: 2 });
  assert.equal(count, 2);
  assert.deepEqual([...image.slice(8, 13)], [0, 7, 9, 9, 0]);
  assert.deepEqual([...image.slice(16, 21)], [0, 7, 9, 9, 0]);
  assert.equal(image.filter((word) => word).length, 6);
  assert.equal(drawn({ px: Float32Array.of(0, 4, 8, 4), side: 2 })[0], 0);
  assert.equal(drawn({ px: Float32Array.of(NaN, 4, 4, Infinity), side: 1 })[0], 0);
});

test("a choice of points, single pixels, outlines, and a screen of two pixels in one", () => {
  const [count, image] = drawn(
    { px: Float32Array.of(1.5, 1.5, 5.5, 6.5), side: 1 },
    (i) => i === 1,
  );
  assert.equal(count, 1);
  assert.equal(image.indexOf(9), 6 * 8 + 5);
  const px = Float32Array.of(4, 4, 4, 4);
  const [, ring] = drawn({ px, side: 4, isHollow: (kind) => kind === 1 }, (i) => i === 1);
  assert.equal(ring.filter((word) => word === 9).length, 12);
  assert.deepEqual([...ring.slice(3 * 8 + 2, 3 * 8 + 6)], [9, 0, 0, 9]);
  const [, fine] = drawn({ px: Float32Array.of(2, 2, 99, 99), side: 2, ratio: 2 });
  assert.deepEqual([fine[3 * 8 + 3], fine[4 * 8 + 4], fine[2 * 8 + 2]], [7, 7, 0]);
});

test("every kind of point has a mark: classes have shapes, values have colours", () => {
  const classes = { palette: ["a", "b"], names: ["0", "1"] };
  const marks = marksOf(classes, 32, true);
  assert.deepEqual(
    marks.map(({ colour, shape, hollow }) => [colour, shape, hollow]),
    [
      ["a", 0, false],
      ["b", 1, false],
      [ROLES.generated.dark, 7, true],
      [ROLES.generated.dark, 7, true],
    ],
  );
  const one = marksOf({ palette: ["a", "b"], names: ["0", "data"] }, 32, false);
  assert.deepEqual(
    one.map(({ colour }) => colour),
    ["a", ROLES.data.light, ROLES.generated.light, ROLES.generated.light],
  );
  const scale = marksOf({ palette: ["low", "middle", "high"] }, 3, false);
  assert.deepEqual(
    scale.map(({ colour }) => colour),
    ["low", "middle", "high", "low", "middle", "high"],
  );
  assert.deepEqual(
    [...kindsOf(Uint8Array.of(0, 1, 1), Uint8Array.of(0, 0, 1), 2, true)],
    [0, 1, 3],
  );
  assert.deepEqual([...kindsOf(Uint8Array.of(0, 128, 255), null, 3, false)], [0, 1, 2]);
});

// --- the pad ---

test("a code moves within the plane of two directions that are not orthogonal", () => {
  const u = [1, 0, 0];
  const v = [0.6, 0.8, 0];
  const z = Float64Array.of(0.3, -0.2, 5);
  moveInPlane(z, u, v, [1.5, -0.7]);
  assertClose([dot(z, u), dot(z, v), z[2]], [1.5, -0.7, 5], 1e-12);
});

test("with one direction only that one changes", () => {
  const z = Float64Array.of(1, 2);
  moveInPlane(z, [0, 1], [0, 0], [0.5, 0]);
  assertClose(z, [1, 0.5], 1e-12);
  assert.deepEqual(
    clampToPad(
      [9, -9],
      [
        [-1, 1],
        [-2, 2],
      ],
    ),
    [1, -2],
  );
});

test("as many pictures stand on a map as lie over no other", () => {
  const px = new Float32Array(2000).map(
    (_, i) => (Math.abs(Math.sin(i * 12.9898) * 43758.5453) % 1) * 400,
  );
  const rows = chooseThumbnails(px, 30, 400, 400);
  assert.ok(rows.length > 20);
  for (const [k, i] of rows.entries()) {
    for (const j of rows.slice(0, k)) {
      const [dx, dy] = [px[2 * i] - px[2 * j], px[2 * i + 1] - px[2 * j + 1]];
      assert.ok(Math.abs(dx) >= 30 || Math.abs(dy) >= 30);
    }
  }
  // Every other point lies over one that was chosen before it.
  for (let i = 0; i < 1000; i++) {
    if (rows.includes(i)) continue;
    const isCovered = rows.some((j) => {
      const [dx, dy] = [px[2 * i] - px[2 * j], px[2 * i + 1] - px[2 * j + 1]];
      return j < i && Math.abs(dx) < 30 && Math.abs(dy) < 30;
    });
    assert.ok(isCovered);
  }
  assert.deepEqual(chooseThumbnails(new Float32Array([-5, 10, NaN, 3, 500, 3]), 30, 400, 400), []);
  assert.equal(thumbnailSide(8), 40);
  assert.equal(thumbnailSide(28), 28);
  assert.equal(thumbnailSide(64), 44);
});

test("the file of a large map is read as it was written, and another length is refused", () => {
  const buffer = new ArrayBuffer(2 * 6);
  new Uint16Array(buffer, 0, 4).set([0, 65535, 1, 2]);
  new Uint8Array(buffer, 8).set([3, 4, 0, 1]);
  const bytes = readMapBytes(buffer, 2, 2);
  assert.deepEqual([...bytes.positions], [0, 65535, 1, 2]);
  assert.deepEqual([...bytes.levels], [3, 4]);
  assert.deepEqual([...bytes.generated], [0, 1]);
  assert.throws(() => readMapBytes(buffer, 3, 2), RangeError);
});

test("linked maps know each other until they leave", () => {
  const make = () => ({ showPeerHover() {}, showPeerSelection() {} });
  const [a, b, c] = [make(), make(), make()];
  joinGroup(a, "g");
  joinGroup(b, "g");
  joinGroup(c, "other");
  assert.deepEqual(peersOf(a), [b]);
  assert.deepEqual(peersOf(c), []);
  joinGroup(b, null);
  assert.deepEqual(peersOf(a), []);
  leaveGroups(a);
  assert.deepEqual(peersOf(a), []);
});

test("a map as SVG has an element for each point that is seen, and no markup of its words", () => {
  const px = new Float32Array([10, 10, 20, 20, -5, 3]);
  const looks = { words: 'a <b> & "c"', ink: "#000", back: "#fff", names: [["<x>", "red"]] };
  const marks = [
    { colour: "red", hollow: false },
    { colour: "#888", hollow: true },
  ];
  const text = mapSvg(px, (row) => marks[row], { width: 100, height: 50 }, looks);
  assert.equal(text.match(/<circle/g)?.length, 3);
  assert.match(text, /stroke="#888"/);
  assert.match(text, /<title>a &lt;b> &amp; &quot;c&quot;<\/title>/);
  assert.match(text, /&lt;x>/);
});

test("a stroke sets every point between its ends, and gaps are filled on lines", () => {
  const empty = [null, null, null, null, null];
  const curve = drawStroke(empty, [0.25, 1], [0.75, 3]);
  assert.deepEqual(curve, [null, 1, 2, 3, null]);
  assert.deepEqual(drawStroke(empty, [0.75, 3], [0.25, 1]), curve);
  assert.deepEqual(fillCurve(curve), [1, 1, 2, 3, 3]);
  assert.deepEqual(fillCurve([0, null, null, null, 4]), [0, 1, 2, 3, 4]);
  assert.equal(fillCurve(empty), null);
  assert.deepEqual(drawStroke(empty, [0.5, 7], [0.5, 7]), [null, null, 7, null, null]);
});

test("points of one pixel are written alike by the short way and the long one", () => {
  const px = new Float32Array([0, 0, 9.9, 4.2, -0.1, 3, 10, 3, NaN, 1, 5, 4.999]);
  const squares = { px, kinds: new Uint8Array([0, 1, 0, 0, 0, 1]), ratio: 1, side: 1 };
  const words = new Uint32Array([7, 8]);
  const [short, long] = [new Uint32Array(50), new Uint32Array(50)];
  const count = writeSquares(short, 10, 5, { ...squares, words });
  assert.equal(
    writeSquares(long, 10, 5, { ...squares, words }, () => true),
    count,
  );
  assert.equal(count, 3);
  assert.deepEqual(short, long);
});
