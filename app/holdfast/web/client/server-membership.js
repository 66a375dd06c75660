// @ts-check
/** A channel that the server subscribed this client to: by the token, the connect proxy or the server API. */

import { errorOf } from './errors.js';
import { Feed } from './feed.js';

/** @typedef {import('./types.js').SessionLike} SessionLike */

export class ServerMembership {
  #channel;
  #face;
  #feed;
  #isRecoverable = false;

  /**
   * @param {string} channel
   * @param {import('./subscription.js').Host} host
   * @param {import('./feed.js').Face} face
   */
  constructor(channel, host, face) {
    this.#channel = channel;
    this.#face = face;
    // Only a new connection recovers it; the number is the one by which the server itself would ask for that.
    const onMissing = () => this.#feed.home?.session.close(3010, 'insufficient_state');
    this.#feed = new Feed(channel, {}, host, face, onMissing);
  }

  /** What the connect command says of it; null where nothing can be recovered. */
  get position() {
    return this.#isRecoverable ? this.#feed.position : null;
  }

  subscribe() {
    // The server alone decides.
  }

  unsubscribe() {
    const session = this.#feed.home?.session;
    this.end(errorOf({ slug: 'unsubscribed_by_client', kind: 'unsubscribe' }));
    if (session?.isConnected) session.request('unsubscribe', { channel: this.#channel }).catch(() => {});
  }

  /** @param {SessionLike} session @param {any} result  of the connect reply, or of the push */
  begin(session, result) {
    const link = this.#feed.settleOn(session);
    this.#isRecoverable = result.recoverable === true;
    this.#face.setState('subscribed', null, result);
    this.#feed.begin(link, result);
  }

  /** The connection moves. @param {SessionLike} session @param {any} result  of its connect reply */
  join(session, result) {
    if (this.#feed.home === null) return this.begin(session, result);
    this.#feed.begin(this.#feed.reachFor(session), result);
  }

  settle() {
    this.#feed.settle();
  }

  abandon() {
    this.#feed.abandon();
  }

  /** @param {SessionLike} session  that has ended */
  onEnded(session) {
    if (this.#feed.next?.session === session) return this.#feed.abandon();
    if (this.#feed.home?.session !== session) return;
    if (this.#feed.next) return this.#feed.settle();
    this.#feed.rest();
    this.#face.setState('subscribing', null);
  }

  /** @param {SessionLike} session @param {any} push */
  onPush(session, push) {
    const link = this.#feed.linkOf(session);
    if (link) this.#feed.take(link, push);
  }

  /** @param {SessionLike} session */
  isOn(session) {
    return this.#feed.linkOf(session) !== null;
  }

  /** @param {import('./errors.js').HoldfastError} error */
  end(error) {
    this.#feed.stop();
    this.#face.setState('unsubscribed', error);
  }
}
