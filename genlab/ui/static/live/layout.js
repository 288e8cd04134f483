// Which cards are seen at first, and which stand in a group below. Nothing here touches the page.

/** At first sight there is one large card, and at most three beside it. */
export const FIRST = 4;

/**
 * @typedef {object} CardFacts
 * @property {string} id of the card: "panel:gap", "chart:loss/nats"
 * @property {string} section the group that it belongs to
 * @property {number} rank the higher, the earlier it is seen; 0 for never at first sight
 */

/**
 * Sorts cards: what the viewer has put forward, then by rank, then as they came.
 * @param {CardFacts[]} cards all cards
 * @param {string[]} order ids that the viewer has put forward, the first one first
 * @returns {CardFacts[]} the cards
 */
function sorted(cards, order) {
  /** @param {CardFacts} card */
  const place = ({ id }) => (order.includes(id) ? order.indexOf(id) : order.length);
  return [...cards].sort((a, b) => place(a) - place(b) || b.rank - a.rank);
}

/**
 * Chooses what is seen at first; everything else goes to its group.
 * @param {CardFacts[]} cards all cards in the order in which they came
 * @param {string[]} order ids that the viewer has put forward
 * @returns {{ first: string[], groups: Record<string, string[]> }} ids of the cards at first sight,
 *   the large one first, and the ids in each group
 */
export function layOut(cards, order) {
  const all = sorted(cards, order);
  const seen = all.filter(({ id, rank }) => rank > 0 || order.includes(id)).slice(0, FIRST);
  if (!seen.length) seen.push(...all.slice(0, 1));
  /** @type {Record<string, string[]>} */
  const groups = {};
  for (const card of all) {
    if (!seen.includes(card)) (groups[card.section] ??= []).push(card.id);
  }
  return { first: seen.map(({ id }) => id), groups };
}

/**
 * Puts a card in front of all others.
 * @param {string[]} order ids that were put forward before
 * @param {string} id of the card
 * @returns {string[]} the new order, of at most as many ids as are seen at first
 */
export function putFirst(order, id) {
  return [id, ...order.filter((other) => other !== id)].slice(0, FIRST);
}
