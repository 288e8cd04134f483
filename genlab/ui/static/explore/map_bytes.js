// The points of a large map as one binary file. Nothing here touches the page.

/**
 * @typedef {object} MapBytes
 * @property {Uint16Array} positions
 * @property {Uint8Array<ArrayBuffer>} levels
 * @property {Uint8Array<ArrayBuffer>} generated
 */

/**
 * Reads the file of a map: 16-bit positions point by point (little-endian), a byte for the class of
 * each point, and a byte that is 1 where the model generated it.
 * @param {ArrayBuffer} buffer the file
 * @param {number} n number of points
 * @param {number} dims numbers of a position
 * @returns {MapBytes} views of the file
 */
export function readMapBytes(buffer, n, dims) {
  const size = 2 * n * dims;
  if (buffer.byteLength !== size + 2 * n) {
    throw new RangeError(`The map has ${buffer.byteLength} bytes instead of ${size + 2 * n}.`);
  }
  return {
    positions: new Uint16Array(buffer, 0, n * dims),
    levels: new Uint8Array(buffer, size, n),
    generated: new Uint8Array(buffer, size + n, n),
  };
}
