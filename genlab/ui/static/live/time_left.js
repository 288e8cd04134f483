// How long a run will still take: said only once its speed has settled.

/** So long a run is watched before anything is said, and at most, in milliseconds. */
const LEAST = 4000;
const MOST = 8000;
/** Steps that must have been seen. */
const STEPS = 8;
/** How much the speeds of both halves may differ before and after something was said. */
const SETTLED = 0.2;
const STILL_SETTLED = 0.5;

/** Watches a run, and says how long it will still take. */
export class TimeLeft {
  /** When each step was seen. @type {[time: number, step: number][]} */
  seen = [];
  isSaid = false;

  /** Forgets everything: the run rests, or has begun anew. */
  reset() {
    this.seen = [];
    this.isSaid = false;
  }

  /**
   * Takes over where the run stands.
   * @param {number} time in milliseconds
   * @param {number} step of the run then
   */
  add(time, step) {
    const last = this.seen[this.seen.length - 1];
    if (last && step < last[1]) this.reset();
    this.seen.push([time, step]);
    while (this.seen.length > 2 && time - this.seen[1][0] > MOST) this.seen.shift();
  }

  /**
   * Gives the time that is left.
   * @param {number} steps of the whole run
   * @returns {number | null} seconds; null while the speed has not settled
   */
  seconds(steps) {
    const { seen } = this;
    if (seen.length < 3) return null;
    const [first, last] = [seen[0], seen[seen.length - 1]];
    const middle = seen.reduce((best, one) => {
      const target = (first[0] + last[0]) / 2;
      return Math.abs(one[0] - target) < Math.abs(best[0] - target) ? one : best;
    });
    if (last[0] - first[0] < LEAST || last[1] - first[1] < STEPS) return null;
    const [before, after] = [speed(first, middle), speed(middle, last)];
    const apart = Math.abs(before - after) / Math.max(before, after);
    this.isSaid = apart <= (this.isSaid ? STILL_SETTLED : SETTLED);
    return this.isSaid ? Math.ceil((steps - last[1]) / (1000 * speed(first, last))) : null;
  }
}

/**
 * Gives the speed between two moments.
 * @param {[time: number, step: number]} a the earlier one
 * @param {[time: number, step: number]} b the later one
 * @returns {number} steps a millisecond
 */
function speed(a, b) {
  return (b[1] - a[1]) / Math.max(1, b[0] - a[0]);
}
