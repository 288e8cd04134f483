// What a stroke does to a curve. Nothing here touches the page.

/**
 * Gives the curve after a stroke from one place to another: every point between them lies on the
 * line that joins them.
 * @param {(number | null)[]} curve heights of the points, null where nothing was drawn yet
 * @param {[number, number]} from place as a share of the axis, and height
 * @param {[number, number]} to place as a share of the axis, and height
 * @returns {(number | null)[]} a new curve
 */
export function drawStroke(curve, from, to) {
  const last = curve.length - 1;
  const [a, b] = from[0] <= to[0] ? [from, to] : [to, from];
  const first = Math.max(0, Math.round(a[0] * last));
  const end = Math.min(last, Math.round(b[0] * last));
  const width = b[0] - a[0];
  return curve.map((value, k) => {
    if (k < first || k > end) return value;
    const share = width > 0 ? Math.min(1, Math.max(0, (k / last - a[0]) / width)) : 1;
    const [low, high] = width > 0 ? [a[1], b[1]] : [to[1], to[1]];
    return low + share * (high - low);
  });
}

/**
 * Fills what was not drawn: on a line between its neighbours, and level beyond the ends.
 * @param {(number | null)[]} curve heights of the points
 * @returns {number[] | null} all heights; null where nothing was drawn at all
 */
export function fillCurve(curve) {
  const known = curve.flatMap((value, k) => (value === null ? [] : [k]));
  if (!known.length) return null;
  return curve.map((value, k) => {
    if (value !== null) return value;
    const before = known.filter((j) => j < k).at(-1);
    const after = known.find((j) => j > k);
    if (before === undefined) return Number(curve[after ?? known[0]]);
    if (after === undefined) return Number(curve[before]);
    const share = (k - before) / (after - before);
    return Number(curve[before]) + share * (Number(curve[after]) - Number(curve[before]));
  });
}
