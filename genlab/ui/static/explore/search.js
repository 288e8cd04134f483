// Which point is meant: the nearest one, the next one in a direction, those inside an outline.
// Nothing here touches the page.

/** @typedef {[number, number]} Point x and y in pixels */

/**
 * An index of the points on the screen by square cells, so that the nearest one is found without
 * looking at all of them.
 */
export class PointGrid {
  /**
   * @param {Float32Array} px x and y of each point in pixels
   * @param {number} width of the screen; points outside of it are not found
   * @param {number} height of the screen
   * @param {number} radius of the search, and the side of a cell
   */
  constructor(px, width, height, radius) {
    this.px = px;
    this.radius = radius;
    this.columns = Math.max(1, Math.ceil(width / radius));
    this.rows = Math.max(1, Math.ceil(height / radius));
    const n = px.length / 2;
    const cells = this.columns * this.rows;
    const cellOf = new Int32Array(n);
    // The points of cell c are order[start[c]] … order[start[c + 1] - 1], in ascending order.
    this.start = new Int32Array(cells + 1);
    for (let i = 0; i < n; i++) {
      const column = Math.floor(px[2 * i] / radius);
      const row = Math.floor(px[2 * i + 1] / radius);
      const inside = column >= 0 && row >= 0 && column < this.columns && row < this.rows;
      cellOf[i] = inside ? row * this.columns + column : -1;
      if (inside) this.start[cellOf[i] + 1]++;
    }
    for (let c = 0; c < cells; c++) this.start[c + 1] += this.start[c];
    this.order = new Int32Array(this.start[cells]);
    const next = this.start.slice();
    for (let i = 0; i < n; i++) if (cellOf[i] >= 0) this.order[next[cellOf[i]]++] = i;
  }

  /**
   * Finds the point nearest to a pixel, within the radius.
   * @param {Point} at the pixel
   * @returns {number} index of the point, the first one of several equally near; -1 without any
   */
  nearest([x, y]) {
    const { px, radius, columns, rows, start, order } = this;
    const column = Math.floor(x / radius);
    const row = Math.floor(y / radius);
    let found = -1;
    let least = radius * radius;
    for (let r = Math.max(0, row - 1); r <= Math.min(rows - 1, row + 1); r++) {
      for (let c = Math.max(0, column - 1); c <= Math.min(columns - 1, column + 1); c++) {
        const cell = r * columns + c;
        for (let k = start[cell]; k < start[cell + 1]; k++) {
          const i = order[k];
          const d = (px[2 * i] - x) ** 2 + (px[2 * i + 1] - y) ** 2;
          if (d < least || (d === least && found >= 0 && i < found)) {
            least = d;
            found = i;
          }
        }
      }
    }
    return found;
  }
}

/**
 * Finds the point nearest to a pixel, however far it is, by looking at all points.
 * @param {Float32Array} px x and y of each point in pixels
 * @param {Point} at the pixel
 * @param {number} [radius] farther points are not found
 * @returns {number} index of the point; -1 without any
 */
export function nearestPoint(px, [x, y], radius = Infinity) {
  let found = -1;
  let least = radius * radius;
  for (let i = 0; 2 * i < px.length; i++) {
    const d = (px[2 * i] - x) ** 2 + (px[2 * i + 1] - y) ** 2;
    if (d < least) {
      least = d;
      found = i;
    }
  }
  return found;
}

/**
 * Finds the next point in a direction: near, and not far off the line.
 * @param {Float32Array} px x and y of each point in pixels
 * @param {number} from index of the point where the search starts
 * @param {Point} direction of unit length along one axis, downwards positive
 * @returns {number} index of the point; `from` if there is none in this direction
 */
export function nextPoint(px, from, [dx, dy]) {
  const [x, y] = [px[2 * from], px[2 * from + 1]];
  let found = from;
  let least = Infinity;
  for (let i = 0; 2 * i < px.length; i++) {
    const [u, v] = [px[2 * i] - x, px[2 * i + 1] - y];
    const along = u * dx + v * dy;
    const cost = along + 2 * (Math.abs(u * dy) + Math.abs(v * dx));
    if (along > 1 && cost < least) {
      least = cost;
      found = i;
    }
  }
  return found;
}

/**
 * Tells whether a point lies inside an outline, by the even-odd rule: how often a ray to the right
 * crosses it.
 * @param {number} x of the point
 * @param {number} y of the point
 * @param {Point[]} outline corners in order
 */
export function isInside(x, y, outline) {
  let isOdd = false;
  for (let i = 0, j = outline.length - 1; i < outline.length; j = i++) {
    const [xi, yi] = outline[i];
    const [xj, yj] = outline[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) isOdd = !isOdd;
  }
  return isOdd;
}

/**
 * Gives the corners of the box between two points.
 * @param {Point} a one corner
 * @param {Point} b the opposite one
 * @returns {Point[]} all four in order
 */
export function boxOutline(a, b) {
  return [a, [b[0], a[1]], b, [a[0], b[1]]];
}

/**
 * Finds the points inside an outline.
 * @param {Float32Array} px x and y of each point in pixels
 * @param {Point[]} outline corners in order
 * @returns {number[]} their indices in ascending order
 */
export function pointsInside(px, outline) {
  const rows = [];
  for (let i = 0; 2 * i < px.length; i++) {
    if (isInside(px[2 * i], px[2 * i + 1], outline)) rows.push(i);
  }
  return rows;
}
