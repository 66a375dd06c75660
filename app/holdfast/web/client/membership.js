// @ts-check
/** How a channel is asked for, and asked for again, until it is refused for good or nobody wants it any more. */

import { backoffDelay, DELAYS } from './backoff.js';
import { errorOf, errorSaid, named } from './errors.js';
import { Feed } from './feed.js';
import { load, loaded } from './on-demand.js';
import { Timer } from './timer.js';

/** @typedef {import('./types.js').SessionLike} SessionLike */
/** @typedef {import('./errors.js').HoldfastError} HoldfastError */
/** @typedef {import('./feed.js').Link} Link */

/** After so long a subscription that is taken away is asked for again at once. */
const STABLE_MS = 10_000;
const ALREADY_SUBSCRIBED = 105;
const UNRECOVERABLE = 112;

export class Membership {
  #channel;
  #options;
  #host;
  #face;
  #feed;
  /** Where tokens can be fetched. @type {import('./subscription-token.js').SubscriptionToken | null} */
  #token = null;
  #attempts = 0;
  #subscribedAt = -Infinity;
  #timer;
  /** It may have the channel still: it has to unsubscribe before it is asked. @type {SessionLike | null} */
  #dirty = null;
  #canRecover = true;

  /**
   * @param {string} channel
   * @param {import('./types.js').SubscriptionOptions} options
   * @param {import('./subscription.js').Host} host
   * @param {import('./feed.js').Face} face
   */
  constructor(channel, options, host, face) {
    this.#channel = channel;
    this.#options = options;
    this.#host = host;
    this.#face = face;
    this.#timer = new Timer(host.environment);
    this.#feed = new Feed(channel, options, host, face, () => this.#onMissing());
  }

  get position() {
    return this.#feed.position;
  }

  // Public methods: the application

  subscribe() {
    if (this.#face.state() !== 'unsubscribed') return;
    this.#attempts = 0;
    this.#face.setState('subscribing', null);
    this.#start();
  }

  unsubscribe() {
    if (this.#face.state() === 'unsubscribed') return;
    const links = [this.#feed.home, this.#feed.next];
    this.#goDown(errorOf({ slug: 'unsubscribed_by_client', kind: 'unsubscribe' }), false);
    for (const link of links) if (link) this.#leave(link.session);
  }

  // Public methods: sessions

  /** @param {SessionLike} session  that has connected */
  onConnected(session) {
    if (this.#face.state() !== 'unsubscribed' && !this.#feed.linkOf(session)) this.#start();
  }

  /** @param {SessionLike} session  that has ended */
  onEnded(session) {
    if (this.#dirty === session) this.#dirty = null;
    if (this.#feed.next?.session === session) return this.abandon();
    if (this.#feed.home?.session !== session) return;
    if (this.#feed.next) return this.settle();
    this.#feed.rest();
    this.#token?.stop();
    this.#timer.stop();
    if (this.#face.state() === 'unsubscribed') return;
    this.#face.setState('subscribing', null);
    this.#start(); // where the connection has moved there is another session already
  }

  /** @param {SessionLike} session @param {any} push */
  onPush(session, push) {
    const link = this.#feed.linkOf(session);
    if (!link) return;
    if (push.unsubscribe) this.#onUnsubscribed(link, push.unsubscribe);
    else this.#feed.take(link, push);
  }

  // Public methods: the connection moves, without a word to the application

  /** @param {SessionLike} session */
  needs(session) {
    return this.#face.state() === 'subscribed' && !this.#feed.linkOf(session);
  }

  /**
   * Get the channel from another session too.
   * @param {SessionLike} session
   * @returns {Promise<void>} rejects where it cannot move now
   */
  async moveTo(session) {
    const link = this.#feed.reachFor(session);
    try {
      if (this.#token?.mustFetch) await this.#token.fetch();
      const result = await session.request('subscribe', this.#request());
      if (this.#feed.home === link) this.#onSubscribed(link, result); // the session that we left has ended meanwhile
      else if (this.#feed.next === link) this.#feed.begin(link, result);
      if (this.#feed.next === link) this.#watchExpiry(link, result);
    } catch (/** @type {any} */ error) {
      if (this.#feed.home === link) return this.#onRefused(link, named(error));
      if (this.#feed.next !== link) return;
      this.#feed.abandon();
      if (error.action === 'fetch_token') this.#token?.refuse();
      // What refuses it for good does so as well when the channel is asked for there alone.
      if (error.action !== 'stop') throw error;
    }
  }

  /** The session that it moved to is the only one from now on. @param {SessionLike} [session] */
  settle(session = this.#feed.next?.session) {
    if (this.#face.state() === 'unsubscribed' || !session) return;
    if (this.#feed.next?.session !== session) return this.onConnected(session);
    this.#timer.stop();
    const link = this.#feed.next;
    if (link.isLive) this.#face.setState('subscribed', null);
    this.#feed.settle();
  }

  /** The session that it should move to is none any more. */
  abandon() {
    this.#feed.abandon();
  }

  // Private methods: asking

  #start() {
    this.#timer.stop();
    const session = this.#host.session();
    if (session && this.#face.state() !== 'unsubscribed') this.#ask(this.#feed.settleOn(session));
  }

  /** @param {Link} link */
  async #ask(link) {
    const { session } = link;
    try {
      // Nothing is awaited without need: all channels of a new session shall be asked for in one frame.
      if (this.#lacksPart()) await this.#loadParts();
      if (this.#token?.mustFetch) await this.#token.fetch();
      if (!this.#feed.has(link)) return;
      if (this.#dirty === session) this.#leave(session);
      this.#dirty = null;
      const result = await session.request('subscribe', this.#request());
      if (this.#feed.has(link)) this.#onSubscribed(link, result);
    } catch (/** @type {any} */ error) {
      if (this.#feed.has(link)) this.#onRefused(link, named(error));
    }
  }

  #request() {
    const { data, recover = true, positioned, joinLeave, filter } = this.#options;
    const token = this.#token ? this.#token.current : this.#options.token;
    const position = recover && this.#canRecover ? this.position : null;
    return {
      channel: this.#channel,
      token: token || undefined, // what is undefined does not travel
      data,
      recoverable: recover || undefined,
      positioned: recover || positioned || undefined,
      join_leave: joinLeave || undefined,
      tf: filter || undefined,
      ...(position && { recover: true, ...position }),
    };
  }

  #onMissing() {
    const session = this.#feed.home?.session;
    if (!session) return;
    this.#dirty = session;
    this.#again(session, null);
  }

  /**
   * Ask again on the same session: at once where all went well for a while, else later.
   * @param {SessionLike} session
   * @param {HoldfastError | null} reason  null: nobody refused it
   */
  #again(session, reason) {
    const { environment } = this.#host;
    if (environment.now() - this.#subscribedAt >= STABLE_MS) this.#attempts = 0;
    if (reason) this.#attempts = Math.max(1, this.#attempts);
    const delay = this.#attempts === 0 ? 0 : backoffDelay(this.#attempts - 1, DELAYS, environment.random);
    this.#attempts += 1;
    this.#subscribedAt = environment.now();
    this.#feed.settleOn(session);
    this.#token?.rest();
    this.#timer.stop();
    this.#face.setState('subscribing', reason);
    if (delay === 0) this.#start();
    else this.#timer.set(delay, () => this.#start());
  }

  // Private methods: answers

  /** @param {Link} link @param {any} result */
  #onSubscribed(link, result) {
    this.#canRecover = true;
    this.#subscribedAt = this.#host.environment.now();
    this.#watchExpiry(link, result);
    this.#face.setState('subscribed', null, result);
    if (this.#feed.has(link)) this.#feed.begin(link, result);
  }

  /** @param {Link} link @param {HoldfastError} error */
  #onRefused(link, error) {
    if (error.number === UNRECOVERABLE) this.#canRecover = false;
    else if (error.number === ALREADY_SUBSCRIBED || error.slug === 'command_timeout') this.#dirty = link.session;
    else if (error.action === 'fetch_token' ? !this.#refuse() : error.action !== 'retry') {
      return this.#goDown(error, true);
    }
    if (!link.session.isConnected) return; // its end will be told
    this.#face.tell('error', { error });
    if (this.#feed.has(link)) this.#again(link.session, error);
  }

  /** @param {Link} link @param {any} push */
  #onUnsubscribed(link, push) {
    const error = errorSaid('unsubscribe', push);
    if (link === this.#feed.next) return this.#feed.abandon();
    const isFinal = error.action === 'stop' || (error.slug === 'subscription_token_lapsed' && !this.#refuse());
    if (isFinal) this.#goDown(error, true);
    else this.#again(link.session, null);
  }

  // Private methods: token

  #lacksPart() {
    const { getState, getToken } = this.#options;
    return (getState && !loaded.snapshot) || (getToken && !this.#token);
  }

  async #loadParts() {
    const { getState, getToken, token } = this.#options;
    if (getState) await load('snapshot');
    if (!getToken) return;
    const { SubscriptionToken } = await load('subscription-token');
    this.#token ??= new SubscriptionToken(this.#channel, { token, getToken }, this.#host.environment);
  }

  /** @returns {boolean} whether another token can be had */
  #refuse() {
    this.#token?.refuse();
    return this.#token !== null;
  }

  /** @param {Link} link @param {any} result */
  #watchExpiry(link, result) {
    this.#token?.keep(result, {
      isSubscribed: () => this.#feed.has(link) && link.isLive,
      refresh: (token) => link.session.request('sub_refresh', { channel: this.#channel, token }),
      onError: (error) => this.#face.tell('error', { error }),
    });
  }

  // Private methods: the end

  /** The one way down. @param {HoldfastError} error @param {boolean} isFault */
  #goDown(error, isFault) {
    this.#timer.stop();
    this.#token?.stop();
    this.#feed.stop();
    this.#dirty = null;
    if (isFault) this.#face.tell('error', { error });
    this.#face.setState('unsubscribed', error);
  }

  /** @param {SessionLike} session */
  #leave(session) {
    if (session.isConnected) session.request('unsubscribe', { channel: this.#channel }).catch(() => {});
  }
}
