// Which numbers share a chart, and in which order the cards stand. Nothing here touches the page.

/** @import { ChartInfo } from "./wire" */

/** Panels that are looked at first, those after the first chart, and those after all charts. */
const FIRST = ["gap", "line", "samples"];
const SECOND = ["reconstructions", "ledger", "calibration", "confidence"];
const THIRD = ["latent"];

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
      key: `${group.key} ${line.name}`,
      title: line.title,
      note: [group.note, line.note].filter(Boolean).join(", "),
      lines: [{ ...line, title: "", note: "" }],
    }));
  const rest = group.lines.filter(({ name }) => !shared.has(name));
  return rest.length ? [...own, { ...group, lines: rest }] : own;
}

/**
 * Orders the cards: maps and samples, the first chart, reconstructions and what belongs to them,
 * the other charts, the latent space, all other panels.
 *
 * Where several runs stand side by side a picture takes the whole width, and all charts stand
 * together.
 * @template T
 * @param {T[]} charts the cards of the charts
 * @param {Map<string, T>} panels the cards of the panels by name
 * @param {boolean} several whether there are several runs
 * @returns {T[]} all cards in order
 */
export function orderCards(charts, panels, several) {
  const named = new Set([...FIRST, ...SECOND, ...THIRD]);
  /** @param {string[]} names */
  const take = (names) => names.flatMap((name) => panels.get(name) ?? []);
  const others = [...panels.keys()].filter((name) => !named.has(name)).sort();
  const early = several ? 0 : 1;
  return [
    ...take(FIRST),
    ...charts.slice(0, early),
    ...take(SECOND),
    ...charts.slice(early),
    ...take(THIRD),
    ...take(others),
  ];
}
