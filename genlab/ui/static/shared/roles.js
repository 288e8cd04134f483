// One colour and one mark for what is shown everywhere: data, held-out, generated, and the runs
// that are compared. genlab/panels/colours.py has the same table; tests/panels/test_roles.py
// compares the two.

/** @typedef {"disc" | "plus" | "square" | "diamond" | "triangle"} Mark */
/** @typedef {{ light: string, dark: string, mark: Mark }} Role */

/** @type {Record<"data" | "heldOut" | "generated" | "modelA" | "modelB", Role>} */
export const ROLES = {
  data: { light: "#6B7280", dark: "#9CA3AF", mark: "disc" },
  heldOut: { light: "#1F2937", dark: "#F3F4F6", mark: "plus" },
  generated: { light: "#00875F", dark: "#2FC99B", mark: "disc" },
  modelA: { light: "#0072B2", dark: "#56B4E9", mark: "square" },
  modelB: { light: "#D55E00", dark: "#FF8C42", mark: "diamond" },
};

/**
 * Names that pictures give to what they show.
 * @type {Record<string, keyof typeof ROLES | undefined>}
 */
const NAMES = {
  data: "data",
  training: "data",
  "exact posterior": "data",
  "held-out": "heldOut",
  generated: "generated",
  predicted: "generated",
  reconstruction: "generated",
  draws: "generated",
};

/**
 * Finds the look of what a picture names.
 * @param {string} name as the picture's legend has it
 * @returns {Role | undefined} its role; undefined for a class of the data or any other name
 */
export function roleOf(name) {
  const role = NAMES[name];
  return role && ROLES[role];
}

/**
 * Gives the colour of a role.
 * @param {Role} role the role
 * @param {boolean} dark whether the page is dark
 */
export function roleColour(role, dark) {
  return dark ? role.dark : role.light;
}

/**
 * The marks of the runs of a comparison, in their order.
 * @type {Mark[]}
 */
export const RUN_MARKS = ["square", "diamond", "triangle", "disc"];
