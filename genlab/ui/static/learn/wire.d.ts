// What the page hands to the scripts of Learn.

/** A curve that the reader draws. */
export interface CurveData {
  /** Ends of both axes. */
  x: [number, number];
  y: [number, number];
  x_title: string;
  y_title: string;
  /** Numbers of a curve, evenly spaced over x. */
  points: number;
  /** The right curve, once it is revealed. */
  right: number[] | null;
  /** What was drawn so far. */
  drawn: number[] | null;
}
