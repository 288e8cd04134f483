// Numbers that are equal but for their last digits.

import assert from "node:assert/strict";

/** @param {Iterable<number>} found @param {number[]} exact @param {number} [tolerance] */
export function assertClose(found, exact, tolerance = 1e-6) {
  const values = [...found];
  assert.equal(values.length, exact.length);
  values.forEach((v, i) => assert.ok(Math.abs(v - exact[i]) <= tolerance, `${values} ${exact}`));
}
