// @ts-check
/** All subscriptions of one service: who is told of sessions and pushes, and what the server subscribed by itself. */

import { errorSaid } from './errors.js';
import { Membership } from './membership.js';
import { ServerMembership } from './server-membership.js';
import { Subscription } from './subscription.js';

/** @typedef {import('./types.js').SessionLike} SessionLike */

/** Pushes of a session of which nobody has told yet. */
const MOST_EARLY = 1000;
/** Channels that a server may choose; one that sends names without end must not fill the memory. */
const MOST_SERVED = 10_000;
/** Events of server-side subscriptions that the service tells too. */
const FORWARDED = /** @type {const} */ (['publication', 'join', 'leave', 'gap']);

export class Subscriptions {
  #emit;
  /** @type {import('./subscription.js').Host} */
  #host;
  /** @type {Map<string, {subscription: Subscription, membership: Membership}>} */
  #own = new Map();
  /** @type {Map<string, {subscription: Subscription, membership: ServerMembership}>} */
  #served = new Map();
  /** @type {WeakMap<SessionLike, any[] | null>} null: known */
  #early = new WeakMap();
  /** Under which ids this page was, and is, connected before and after it moved. @type {string[]} */
  #aliases = [];

  /**
   * @param {object} parts
   * @param {import('./types.js').Environment} parts.environment
   * @param {{warning: (event: string, fields?: object) => void}} parts.log
   * @param {(name: string, detail: object) => void} parts.emit  events of the service: `subscription` {subscription} when
   *     the server has made one, and what comes in those
   * @param {() => SessionLike | null} parts.session  the present one
   * @param {import('./subscription.js').Host['commands']} parts.commands
   */
  constructor({ environment, log, emit, session, commands }) {
    this.#emit = emit;
    this.#host = {
      environment,
      log,
      commands,
      session: () => {
        const present = session();
        return present?.isConnected ? present : null;
      },
      isOurs: (client) => this.#aliases.includes(client),
    };
  }

  // Public methods: the application

  /**
   * Make the subscription of a channel; it is not subscribed yet.
   * @param {string} channel
   * @param {import('./types.js').SubscriptionOptions} [options]
   * @returns {Subscription}
   */
  add(channel, options) {
    const known = this.get(channel);
    if (known && !options) return known;
    if (known) throw new Error(`expected options once for ${channel}: remove() it first`);
    return this.#entry(this.#own, channel, (face) => new Membership(channel, options ?? {}, this.#host, face)).subscription;
  }

  /** @param {string} channel */
  get(channel) {
    return (this.#own.get(channel) ?? this.#served.get(channel))?.subscription;
  }

  /** Unsubscribe and forget. @param {string} channel */
  remove(channel) {
    this.get(channel)?.unsubscribe();
    this.#own.delete(channel);
    this.#served.delete(channel);
  }

  /** Unsubscribe from all, and forget them. */
  clear() {
    for (const channel of [...this.#own.keys(), ...this.#served.keys()]) this.remove(channel);
  }

  // Public methods: sessions

  /** `subs` of the connect command: where server-side subscriptions are. @returns {Record<string, object>} */
  connectSubs() {
    /** @type {Record<string, object>} */
    const subs = Object.create(null); // a channel may be called __proto__
    for (const [channel, { membership }] of this.#served) {
      if (membership.position) subs[channel] = { recover: true, ...membership.position };
    }
    return subs;
  }

  /**
   * A session has connected; the service sends what is asked here in one frame, with all else that waited for it.
   * @param {SessionLike} session
   * @param {any} reply  to its connect command
   */
  onConnected(session, reply) {
    this.#serve(session, reply, (membership, result) => membership.begin(session, result));
    this.#endUnserved(session);
    this.#each((membership) => membership.onConnected(session));
    this.#replay(session);
  }

  /** @param {SessionLike} session @param {any} push */
  onPush(session, push) {
    const early = this.#early.get(session);
    if (early === undefined) this.#early.set(session, [push]);
    else if (early !== null) early.length < MOST_EARLY && early.push(push);
    else this.#onPush(session, push);
  }

  /** @param {SessionLike} session */
  onEnded(session) {
    this.#each((membership) => membership.onEnded(session));
    for (const membership of this.#servedMemberships) membership.onEnded(session);
  }

  // Public methods: the connection moves

  /** Another session brings what the server subscribed. @param {SessionLike} session  connected @param {any} reply  to its connect command */
  meet(session, reply) {
    this.#aliases = [this.#host.session()?.client ?? '', session.client];
    this.#serve(session, reply, (membership, result) => membership.join(session, result));
    this.#replay(session);
  }

  /** Of the application's own. */
  get memberships() {
    return [...this.#own.values()].map(({ membership }) => membership);
  }

  /** The session to which all moved is the only one from now on. @param {SessionLike} session */
  settle(session) {
    for (const membership of this.#servedMemberships) membership.settle();
    this.#endUnserved(session);
    session.together(() => this.#each((membership) => membership.settle(session)));
  }

  /** The session to which all should have moved is none any more. */
  abandon() {
    this.#each((membership) => membership.abandon());
    for (const membership of this.#servedMemberships) membership.abandon();
  }

  // Private methods

  get #servedMemberships() {
    return [...this.#served.values()].map(({ membership }) => membership);
  }

  /** @param {(membership: Membership) => void} tell */
  #each(tell) {
    this.memberships.forEach(tell);
  }

  /**
   * @param {SessionLike} session
   * @param {any} reply
   * @param {(membership: ServerMembership, result: any) => void} take
   */
  #serve(session, reply, take) {
    for (const [channel, result] of Object.entries(reply?.subs ?? {})) {
      // Where the application has its own, that one's subscribe will be told.
      if (!this.#own.has(channel) && result instanceof Object) take(this.#servedOf(channel), result);
    }
  }

  /** @param {string} channel */
  #servedOf(channel) {
    const known = this.#served.get(channel);
    if (known) return known.membership;
    if (this.#served.size >= MOST_SERVED) throw new RangeError('too many channels');
    const { subscription, membership } = this.#entry(
      this.#served,
      channel,
      (face) => new ServerMembership(channel, this.#host, face),
    );
    for (const name of FORWARDED) {
      subscription.addEventListener(name, (/** @type {any} */ { detail }) => this.#emit(name, detail));
    }
    this.#emit('subscription', { subscription });
    return membership;
  }

  /** What a new connection was not given is over. @param {SessionLike} session */
  #endUnserved(session) {
    for (const [channel, { membership }] of [...this.#served]) {
      if (!membership.isOn(session)) this.#end(channel, { code: 2000 });
    }
  }

  /** @param {SessionLike} session */
  #replay(session) {
    const early = this.#early.get(session) ?? [];
    this.#early.set(session, null);
    for (const push of early) this.#onPush(session, push);
  }

  /** @param {SessionLike} session @param {any} push */
  #onPush(session, push) {
    const { channel, subscribe, unsubscribe } = push;
    const served = this.#served.get(channel);
    if (subscribe) this.#onServed(session, channel, subscribe);
    else if (served && unsubscribe) this.#end(channel, unsubscribe);
    else (served ?? this.#own.get(channel))?.membership.onPush(session, push);
  }

  /** The server API subscribed this client. @param {SessionLike} session @param {string} channel @param {any} result */
  #onServed(session, channel, result) {
    if (!this.#own.has(channel) && typeof channel === 'string') this.#servedOf(channel).begin(session, result);
  }

  /** @param {string} channel @param {any} why  as in an unsubscribe push */
  #end(channel, why) {
    this.#served.get(channel)?.membership.end(errorSaid('unsubscribe', why));
    this.#served.delete(channel);
  }

  /**
   * @template {import('./subscription.js').Driver} M
   * @param {Map<string, {subscription: Subscription, membership: M}>} entries
   * @param {string} channel
   * @param {(face: import('./feed.js').Face) => M} make
   * @returns {{subscription: Subscription, membership: M}}
   */
  #entry(entries, channel, make) {
    /** @type {M | undefined} */
    let membership;
    const subscription = new Subscription(channel, this.#host, (face) => (membership = make(face)));
    const entry = { subscription, membership: /** @type {M} */ (membership) };
    entries.set(channel, entry);
    return entry;
  }
}
