// @ts-check
/**
 * From figures to a grade, and how long a grade is held. Pure: no clock, no network.
 *
 * Worse counts at once, for the figures are medians and counts, which one bad moment does not move. Better counts after a
 * while, and by stricter limits, so that figures around a limit do not make the grade flap.
 */

/** @typedef {'good' | 'fair' | 'poor'} Grade */
/** Milliseconds, and counts within their windows. @typedef {{rtt: number | null, jitter: number | null, missed: number, reconnects: number}} Figures */
/** @typedef {{slug: string, value: number, limit: number}} Reason  of a grade: the limit that `value` has reached */
/** @typedef {{grade: Grade, reasons: Reason[]}} Judgement */
/** @typedef {Record<keyof Figures, [number, number]>} Limits  from where a figure is fair, and poor */

/** @type {Grade[]} */
export const GRADES = ['good', 'fair', 'poor'];

/** @type {Limits} */
export const LIMITS = { rtt: [300, 1000], jitter: [100, 400], missed: [1, 2], reconnects: [1, 3] };

/** @type {Record<keyof Figures, string>} */
const SLUGS = { rtt: 'slow_round_trips', jitter: 'uneven_round_trips', missed: 'missed_heartbeats', reconnects: 'frequent_reconnects' };

/** A grade is left upwards when its figures are below this part of the limits. */
const MARGIN = 0.8;

/**
 * @param {Figures} figures
 * @param {Limits} limits
 * @param {Grade} held  the present grade, whose limits are stricter now
 * @returns {Judgement} the reasons are those of the grade, the worst figures alone
 */
export function judge(figures, limits, held) {
  let worst = 0;
  /** @type {Reason[]} */
  let reasons = [];
  for (const name of /** @type {(keyof Figures)[]} */ (Object.keys(SLUGS))) {
    const value = figures[name] ?? 0;
    const margins = limits[name].map((limit, index) => (index < GRADES.indexOf(held) ? limit * MARGIN : limit));
    const rank = margins.filter((limit) => value >= limit).length;
    if (rank > worst) reasons = [];
    worst = Math.max(worst, rank);
    if (rank === worst && rank > 0) reasons.push({ slug: SLUGS[name], value: Math.round(value), limit: limits[name][rank - 1] });
  }
  return { grade: GRADES[worst], reasons };
}

/** Holds a grade until the figures have been better for a while. */
export class Hysteresis {
  /** @type {Judgement} */
  #held = { grade: 'good', reasons: [] };
  /** Since when, and how well at least, the figures have been better. @type {{since: number, judgement: Judgement} | null} */
  #better = null;
  #limits;
  #betterAfter;

  /** @param {Limits} limits @param {number} betterAfter  milliseconds */
  constructor(limits, betterAfter) {
    this.#limits = limits;
    this.#betterAfter = betterAfter;
  }

  /** @returns {Judgement} */
  get held() {
    return this.#held;
  }

  /**
   * @param {Figures} figures
   * @param {number} now
   * @returns {Judgement} what holds from now on
   */
  take(figures, now) {
    const judgement = judge(figures, this.#limits, this.#held.grade);
    if (rankOf(judgement) >= rankOf(this.#held)) {
      this.#better = null;
      this.#held = judgement;
    } else {
      const { since, judgement: least } = this.#better ?? { since: now, judgement };
      this.#better = { since, judgement: rankOf(judgement) > rankOf(least) ? judgement : least };
      if (rankOf(judgement) === rankOf(this.#better.judgement)) this.#better.judgement = judgement;
      if (now - since >= this.#betterAfter) {
        this.#held = this.#better.judgement;
        this.#better = null;
      }
    }
    return this.#held;
  }

  /** What was better counts from now: nobody looked meanwhile. */
  pause() {
    this.#better = null;
  }
}

/** @param {Judgement} judgement */
function rankOf({ grade }) {
  return GRADES.indexOf(grade);
}

/** @param {number[]} values @returns {number | null} */
export function median(values) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param {number[]} values  in order @returns {number | null} how far one is from the next, mostly */
export function jitterOf(values) {
  return median(values.slice(1).map((value, index) => Math.abs(value - values[index])));
}
