// @ts-check
/**
 * Where a subscriber is in its channel's stream: what is new, what came before, what is missing. Pure.
 */

/** @typedef {{offset: number, epoch: string}} StreamPosition */

/**
 * What a subscriber did not get, or may not have got. `from` is the last position that it knew, `to` the one from
 * which it goes on; null where the channel has none.
 * - `unrecovered`: history no longer holds all of it
 * - `epoch`: the stream began anew
 * - `no_history`: the channel keeps nothing that could be recovered
 * - `overflow`: more came while a snapshot was fetched than is held
 * - `hole`: an offset is missing, and asking again did not bring it
 * @typedef {object} Gap
 * @property {StreamPosition | null} from
 * @property {StreamPosition | null} to
 * @property {'unrecovered' | 'epoch' | 'no_history' | 'hole' | 'overflow'} reason
 */

/** @param {any} value @returns {number | null} an offset as the protocol has them, from 1 */
export function offsetOf(value) {
  return Number.isSafeInteger(value) && value > 0 ? value : null;
}

export class Position {
  /** @type {StreamPosition | null} */
  #at;
  #isSparse;
  /** @type {number | null} the last good offset before a hole for which the server was asked already */
  #asked = null;

  /**
   * @param {StreamPosition | null} [since]  where the subscriber is already
   * @param {{isSparse?: boolean}} [options]  whether offsets may be missing, as with a filter by tags
   */
  constructor(since = null, { isSparse = false } = {}) {
    this.#at = since && { offset: since.offset, epoch: since.epoch };
    this.#isSparse = isSparse;
  }

  /** @returns {StreamPosition | null} */
  get current() {
    return this.#at && { ...this.#at };
  }

  /** @param {StreamPosition | null} position  the subscriber has been told all up to there */
  moveTo(position) {
    this.#at = position && { ...position };
    this.#asked = null;
  }

  /**
   * Take the result of a subscribe command, or what a connect reply says of the same.
   * @param {any} result
   * @param {boolean} wasInterrupted  whether the subscriber had been told all until some moment before
   * @returns {{fresh: any[], gap: Gap | null}} publications for the subscriber, behind the gap if there is one
   */
  resume(result, wasInterrupted) {
    const from = this.current;
    const to = typeof result.epoch === 'string' ? { offset: offsetOf(result.offset) ?? 0, epoch: result.epoch } : null;
    const given = Array.isArray(result.publications) ? result.publications : [];
    const isSameStream = from !== null && to !== null && (from.epoch === '' || from.epoch === to.epoch);
    if (result.recovered === true && to !== null) {
      this.#at = isSameStream ? { offset: from.offset, epoch: to.epoch } : to;
      return { fresh: given.filter((/** @type {any} */ one) => this.#takeRecovered(one, isSameStream)), gap: null };
    }
    const gap = wasInterrupted || from !== null ? gapBetween(from, to, isSameStream) : null;
    // A stream that is followed already may be further than the reply knew.
    if (gap || !isSameStream) this.moveTo(to);
    return { fresh: given, gap };
  }

  /**
   * Take a publication that was pushed.
   * @param {number | null} offset
   * @returns {'fresh' | 'duplicate' | 'hole'} a hole leaves the position where it is
   */
  take(offset) {
    if (offset === null) return 'fresh';
    if (this.#at === null) {
      this.#at = { offset, epoch: '' };
      return 'fresh';
    }
    if (offset <= this.#at.offset) return 'duplicate';
    if (offset > this.#at.offset + 1 && !this.#isSparse) return 'hole';
    this.#at.offset = offset;
    return 'fresh';
  }

  /**
   * Decide about a hole: the server is asked once for what is missing behind a position.
   * @param {number} offset  of the publication behind it
   * @param {boolean} mayAsk
   * @returns {Gap | null} what to tell the subscriber, who goes on with that publication; null: ask
   */
  cross(offset, mayAsk) {
    const from = /** @type {StreamPosition} */ (this.current);
    if (mayAsk && this.#asked !== from.offset) {
      this.#asked = from.offset;
      return null;
    }
    this.moveTo({ offset, epoch: from.epoch });
    return { from, to: { offset: offset - 1, epoch: from.epoch }, reason: 'hole' };
  }

  /**
   * What was recovered is whole by the server's word; in a cache it is the latest alone.
   * @param {any} one
   * @param {boolean} isSameStream
   */
  #takeRecovered(one, isSameStream) {
    const offset = offsetOf(one?.offset);
    const at = /** @type {StreamPosition} */ (this.#at);
    if (offset === null) return true;
    if (isSameStream && offset <= at.offset) return false;
    at.offset = offset;
    return true;
  }
}

/**
 * @param {StreamPosition | null} from
 * @param {StreamPosition | null} to
 * @param {boolean} isSameStream
 * @returns {Gap | null}
 */
function gapBetween(from, to, isSameStream) {
  if (to === null) return { from, to, reason: 'no_history' };
  if (from === null) return { from, to, reason: 'unrecovered' };
  if (!isSameStream) return { from, to, reason: 'epoch' };
  return to.offset === from.offset ? null : { from, to, reason: 'unrecovered' };
}
