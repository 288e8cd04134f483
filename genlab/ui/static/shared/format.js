// Numbers as text. Nothing here touches the page.

/**
 * Writes a number with four significant digits.
 * @param {number | null | undefined} value the number; without one it is not finite
 * @returns {string} for example "0.1235", "1.5e-7" or "not finite"
 */
export function short(value) {
  if (value === null || value === undefined) return "not finite";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    return value.toExponential(2).replace(/\.?0+e/, "e");
  }
  return String(+value.toPrecision(4));
}

/**
 * Writes a number that may be infinite.
 * @param {number | "infinite" | "-infinite" | null} value the number as the server sends it
 * @returns {string} for example "0.25", "∞" or "−∞"
 */
export function shortOrInfinite(value) {
  if (value === "infinite") return "∞";
  if (value === "-infinite") return "−∞";
  return short(value);
}

/**
 * Writes a whole number with commas between thousands.
 * @param {number} n the number
 * @returns {string} for example "12,345"
 */
export function grouped(n) {
  return n.toLocaleString("en");
}

/**
 * Writes how long something takes, in seconds, minutes or hours.
 * @param {number} seconds the time in seconds
 * @returns {string} for example "40 s", "12 min" or "2.5 h"
 */
export function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/**
 * Adds the value of a reference line to its label, unless the label already contains the number.
 * @param {string} label of the reference line
 * @param {number} value where the line is
 * @returns {string} for example "optimum = 1.386"
 */
export function labelWithValue(label, value) {
  const numbers = label.replace(/,(?=\d{3})/g, "").match(/-?\d+(\.\d+)?/g) ?? [];
  const isIn = numbers.some((text) => Math.abs(Number(text) - value) <= 5e-3 * Math.abs(value));
  if (isIn) return label;
  return `${label}${label.includes("=") ? ":" : " ="} ${short(value)}`;
}
