// Which numbers share a chart. Nothing here touches the page.

/** @import { ChartInfo } from "./wire" */

/**
 * Finds the numbers that more than one run has.
 * @param {ChartInfo[][]} charts of each run
 * @returns {string[]} their names, sorted
 */
export function sharedNames(charts) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const groups of charts) {
    const names = new Set(groups.flatMap(({ lines }) => lines.map(({ name }) => name)));
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].flatMap(([name, count]) => (count > 1 ? [name] : [])).sort();
}

/**
 * Splits a group of numbers: each that several runs have gets a chart of its own.
 * @param {ChartInfo} group the group
 * @param {Set<string>} shared names of the numbers that several runs have
 * @returns {ChartInfo[]} a chart for each shared number, and one for the rest of the group
 */
export function splitGroup(group, shared) {
  const own = group.lines
    .filter(({ name }) => shared.has(name))
    .map((line) => ({
      ...group,
      key: `${group.key} ${line.name}`,
      title: line.title,
      note: [group.note, line.note].filter(Boolean).join(", "),
      lines: [{ ...line, title: "", note: "" }],
    }));
  const rest = group.lines.filter(({ name }) => !shared.has(name));
  return rest.length ? [...own, { ...group, lines: rest }] : own;
}
