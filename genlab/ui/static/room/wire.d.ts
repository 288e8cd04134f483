// What the page and the server hand to the scripts of a room.

import type { CurveData } from "../learn/wire";

/** Which question is asked, and how many votes are in. */
export interface PollState {
  number: number;
  revealed: boolean;
  votes: number;
}

/** How a question is answered. */
export type PollForm =
  | { kind: "choices"; options: string[] }
  | { kind: "number"; low: number; high: number; unit: string }
  | ({ kind: "curve" } & Omit<CurveData, "right" | "drawn">);

export type Vote = number | number[];

/** The question as the page shows it. */
export interface PollData {
  code: string;
  /** Of the question; 0 where none is asked. */
  number: number;
  revealed: boolean;
  /** Whether this person asks. */
  leads: boolean;
  form: PollForm | null;
  /** What this person voted. */
  mine: Vote | null;
}
