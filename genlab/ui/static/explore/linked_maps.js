// Maps of the same points that stand beside each other: what is meant or chosen on one lights up on
// the others.

/**
 * @typedef {object} LinkedMap
 * @property {(row: number) => void} showPeerHover marks a point that another map means
 * @property {(rows: number[]) => void} showPeerSelection marks points that another map chose
 */

/** @type {Map<string, Set<LinkedMap>>} */
const groups = new Map();

/**
 * Puts a map into a group, and takes it out of any other.
 * @param {LinkedMap} map the map
 * @param {string | null | undefined} group its name; without one the map stands alone
 */
export function joinGroup(map, group) {
  leaveGroups(map);
  if (!group) return;
  const members = groups.get(group) ?? new Set();
  groups.set(group, members.add(map));
}

/** @param {LinkedMap} map that stands alone from now on */
export function leaveGroups(map) {
  for (const [name, members] of groups) {
    members.delete(map);
    if (!members.size) groups.delete(name);
  }
}

/**
 * Gives the other maps of a map's group.
 * @param {LinkedMap} map the map
 * @returns {LinkedMap[]} the others
 */
export function peersOf(map) {
  for (const members of groups.values()) {
    if (members.has(map)) return [...members].filter((other) => other !== map);
  }
  return [];
}
