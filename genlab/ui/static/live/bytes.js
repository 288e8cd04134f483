// The fields of the gap map: a byte a cell. Nothing here touches the page.

const UNKNOWN = 255;
const HIGHEST = 254;

/**
 * Gives the value that a byte of a field stands for.
 * @param {number} byte from 0 to 255
 * @param {number} low value of byte 0
 * @param {number} high value of byte 254
 * @returns {number | null} the value; null for byte 255, which is unknown
 */
export function byteValue(byte, low, high) {
  return byte === UNKNOWN ? null : low + ((high - low) * byte) / HIGHEST;
}
