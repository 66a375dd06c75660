// @ts-check
/** Puts the parts of a service together: what lives on its connection, and who tells whom. */

import { Announcer } from './announcer.js';
import { Attempts } from './attempts.js';
import { Connector } from './connector.js';
import { errorOf } from './errors.js';
import { Lifecycle } from './lifecycle.js';
import { Migration } from './migration.js';
import { Network } from './network.js';
import { Outbox } from './outbox.js';
import { Outcomes } from './outcomes.js';
import { Renewal } from './renewal.js';
import { Subscriptions } from './subscriptions.js';
import { TokenSource } from './tokens/source.js';
import { TransportChoice } from './transports/choice.js';
import { isSupported } from './transports/load.js';
import { Upgrade } from './upgrade.js';
import { Vitals } from './vitals.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./types.js').SessionLike} SessionLike */
/** @typedef {import('./types.js').Ending} Ending */
/** @typedef {{session: Session, reply: any}} Opened */
/** @typedef {ReturnType<typeof import('./options.js').withDefaults> & {environment: import('./types.js').Environment}} Settings */

export class Parts {
  #settings;
  #endpoints;
  /** @type {Opened | null} connected, and about to be moved to */
  #opened = null;
  /** @type {import('./types.js').TransportName | null} the last one that was connected */
  #transport = null;
  #choice;
  #outcomes;
  #announcer;

  /**
   * @param {Settings} settings
   * @param {ReturnType<typeof import('./options.js').endpointsOf>} endpoints
   * @param {(name: string, detail: object) => void} tell  an event to the application
   */
  constructor(settings, endpoints, tell) {
    const { environment } = settings;
    const { origin } = new URL(endpoints.websocket);
    this.#settings = settings;
    this.#endpoints = endpoints;
    this.vitals = new Vitals({ environment, options: settings, logsUrl: endpoints.logs, emit: (...event) => this.emit(...event) });
    this.#announcer = new Announcer((name, detail) => {
      this.vitals.record(name, detail);
      tell(name, detail);
    });
    this.#choice = this.#makeChoice(origin);
    this.#outcomes = new Outcomes(this.#choice, environment);
    const hasTokens = settings.token !== undefined || settings.getToken !== undefined;
    this.tokens = hasTokens ? new TokenSource({ ...settings, environment, log: this.vitals.log }) : null;
    this.outbox = new Outbox(environment, settings);
    this.network = new Network(environment, (signal) => this.#onSignal(signal));
    this.life = this.#makeLife(new Attempts(environment, settings, origin));
    this.renewal = new Renewal(this.tokens, environment, (error) => this.life.fail(error));
    this.subscriptions = this.#makeSubscriptions();
    this.migration = this.#makeMigration();
    this.upgrade = this.#makeUpgrade();
  }

  /** @param {string} name @param {object} detail */
  emit(name, detail) {
    this.#announcer.add(name, detail);
    this.#announcer.flush();
  }

  /**
   * Send a command, or let it wait for a connection.
   * @param {string} method
   * @param {object} params
   * @returns {Promise<any>} the result
   */
  call(method, params) {
    const { session } = this.life;
    return session?.isConnected ? submit(session, method, params) : this.outbox.add(method, params);
  }

  // What happens.

  /** @param {import('./network.js').Signal} signal */
  #onSignal(signal) {
    const { checkTimeout, minReconnectDelay, environment } = this.#settings;
    this.vitals.onSignal();
    if (signal === 'leaving') this.life.suspend();
    else if (signal !== 'hidden') {
      void this.life.session?.check(checkTimeout);
      // Some of a crowd may be told at the same moment.
      if (signal !== 'offline') this.life.hurry(environment.random() * minReconnectDelay);
    }
  }

  /** @param {Session} session @param {any} reply */
  #onConnected(session, reply) {
    this.#choice.onConnected(session.transport);
    this.vitals.onConnected(session, reply);
    this.#onTransport(session.transport, 'reconnect');
    session.together(() => {
      this.subscriptions.onConnected(session, reply);
      this.outbox.flush((method, params) => submit(session, method, params));
    });
    this.renewal.keep(session, reply);
    this.upgrade.watch();
  }

  /** @param {Session} session @param {any} push */
  #onPush(session, push) {
    const isPresent = session === this.life.session;
    if (push.message) this.emit('message', { data: push.message.data });
    else if (push.refresh) isPresent && this.renewal.keep(session, push.refresh);
    else if (push.holdfast) isPresent && push.holdfast.migrate && this.migration.begin(push.holdfast.migrate.after_ms);
    else this.subscriptions.onPush(session, push);
  }

  /** @param {Session} session @param {Ending} ending */
  #onEnded(session, ending) {
    if (this.#opened?.session === session) this.#opened = null;
    this.#outcomes.ended(session, ending, session === this.life.session);
    this.vitals.onEnded(session, ending);
    this.migration.onEnded(session);
    this.subscriptions.onEnded(session);
    if (session !== this.life.session && this.life.session?.isConnected) return;
    this.renewal.stop();
    this.upgrade.stop();
    this.migration.stop();
  }

  /** A browser is not told why; the server knows, if it saw the attempt. @param {Session} session */
  async #explain(session) {
    const { environment } = this.#settings;
    const loaded = await import('./explain.js').catch(() => null);
    if (loaded === null) {
      this.#outcomes.explained(session, 'server_unreachable'); // where not even a module comes, no transport is to blame
      return null;
    }
    const cause = await loaded.explain({ url: this.#endpoints.explain, cid: session.cid, environment });
    this.#outcomes.explained(session, cause.slug);
    this.vitals.trouble.learn(session.cid, cause.logToken);
    return cause;
  }

  /** @param {import('./errors.js').HoldfastError} error @param {boolean} mayReturn */
  #onStopped(error, mayReturn) {
    this.network.stop();
    if (!mayReturn) this.outbox.rejectAll(error);
  }

  // What it is made of.

  /** @param {string} origin */
  #makeChoice(origin) {
    const { environment, transports } = this.#settings;
    return new TransportChoice({
      names: transports,
      isSupported: (name) => isSupported(name, environment),
      now: environment.wallClock,
      random: environment.random,
      storage: environment.storage,
      origin,
    });
  }

  /** @param {Attempts} attempts @returns {Lifecycle} */
  #makeLife(attempts) {
    const { environment } = this.#settings;
    const connector = new Connector({
      environment,
      options: this.#settings,
      endpoints: this.#endpoints,
      tokens: this.tokens,
      choice: this.#outcomes,
      connectSubs: () => this.subscriptions.connectSubs(),
    });
    const parts = { environment, options: this.#settings, attempts, connector, announcer: this.#announcer };
    return new Lifecycle(parts, {
      onConnected: (session, reply) => this.#onConnected(session, reply),
      onPush: (session, push) => this.#onPush(session, push),
      onPing: (session) => this.vitals.onPing(session),
      onEnded: (session, ending) => this.#onEnded(session, ending),
      onStopped: (error, mayReturn) => this.#onStopped(error, mayReturn),
      explain: (session) => this.#explain(session),
    });
  }

  /** @returns {Subscriptions} */
  #makeSubscriptions() {
    const { environment } = this.#settings;
    return new Subscriptions({
      environment,
      log: this.vitals.log,
      emit: (name, detail) => this.emit(name, detail),
      session: () => this.life.session,
      call: (method, params) => this.call(method, params),
    });
  }

  #makeMigration() {
    const { environment } = this.#settings;
    return new Migration({
      environment,
      log: this.vitals.log,
      subscriptions: this.subscriptions,
      openSession: async () => (this.#opened ??= await this.life.openSecond()),
      adopt: (session) => this.#adopt(session),
      current: () => this.life.session,
    });
  }

  /** @param {SessionLike} session */
  #adopt(session) {
    const opened = this.#opened;
    this.#opened = null;
    if (opened?.session !== session) throw errorOf({ slug: 'migration_failed', detail: 'another connection was opened' });
    this.life.adopt(opened.session, opened.reply);
    this.vitals.onConnected(session, opened.reply, true);
    this.#choice.onConnected(session.transport);
    this.renewal.keep(session, opened.reply);
    this.upgrade.watch();
    this.emit('migrated', { client: session.client });
    this.#onTransport(session.transport, 'upgrade');
  }

  /** @param {import('./types.js').TransportName} to @param {'reconnect' | 'upgrade'} why */
  #onTransport(to, why) {
    const from = this.#transport;
    this.#transport = to;
    if (from !== null && from !== to) this.emit('transport', { from, to, why });
  }

  #makeUpgrade() {
    const { environment } = this.#settings;
    return new Upgrade({
      environment,
      choice: this.#choice,
      open: (transport) => this.life.openSecond(transport),
      moveTo: (opened) => {
        this.#opened = opened;
        this.migration.begin(0);
      },
    });
  }
}

/** @param {Session} session @param {string} method @param {object} params @returns {Promise<any>} */
function submit(session, method, params) {
  if (method !== 'send') return session.request(method, params);
  session.notify(method, params);
  return Promise.resolve();
}
