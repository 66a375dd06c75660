// @ts-check
/** Puts the parts of a service together: what lives on its connection, and who tells whom. */

import { Announcer } from './announcer.js';
import { Attempts } from './attempts.js';
import { Commands } from './commands.js';
import { Connector } from './connector.js';
import { errorOf } from './errors.js';
import { Lifecycle } from './lifecycle.js';
import { load, prefetch, use } from './on-demand.js';
import { Outbox } from './outbox.js';
import { Subscriptions } from './subscriptions.js';
import { TokenSource } from './tokens/source.js';
import { Turn } from './transports/turn.js';
import { Vitals } from './vitals.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./types.js').Ending} Ending */
/** @typedef {import('./lifecycle.js').Hooks} Hooks */
/** @typedef {import('./moving.js').Moving} Moving */
/** @typedef {ReturnType<typeof import('./options.js').withDefaults> & {environment: import('./types.js').Environment}} Settings */

/** What no part may come too late for; `network` notices all else. */
const OF_PAGE = ['online', 'offline', 'pagehide', 'pageshow'];
const CLOSED = { slug: 'disconnect_called', detail: 'after close(): make another service' };

/** @implements {Hooks} */
export class Parts {
  settings;
  #endpoints;
  /** @type {import('./types.js').TransportName | null} the last one that was connected */
  #transport = null;
  /** @type {import('./renewal.js').Renewal | null} */
  #renewal = null;
  /** @type {Moving | null} */
  #moving = null;
  /** Ends what goes on beside the connection. */
  #stop = new AbortController();
  #isClosed = false;
  /** @type {import('./network.js').Network | null} */
  #network = null;
  #announcer;
  #turn;
  #forMoving;
  /** @param {string} name @param {object} detail */
  emit = (name, detail) => {
    this.#announcer.add(name, detail);
    this.#announcer.flush();
  };
  /** @type {Lifecycle} */
  life;
  /** @type {Subscriptions} */
  subscriptions;

  /**
   * @param {Settings} settings
   * @param {ReturnType<typeof import('./options.js').endpointsOf>} endpoints
   * @param {(name: string, detail: object) => void} tell  an event to the application
   */
  constructor(settings, endpoints, tell) {
    const { environment } = settings;
    const { origin } = new URL(endpoints.websocket);
    this.settings = settings;
    this.#endpoints = endpoints;
    this.vitals = new Vitals({ environment, options: settings, logsUrl: endpoints.logs, emit: this.emit });
    this.#announcer = new Announcer((name, detail) => {
      this.vitals.record(name, detail);
      tell(name, detail);
    });
    const hasTokens = settings.token !== undefined || settings.getToken !== undefined;
    const { log } = this.vitals;
    this.tokens = hasTokens ? new TokenSource({ ...settings, log }) : null;
    this.outbox = new Outbox(environment, settings);
    this.commands = new Commands((method, params) => this.#call(method, params), settings);
    this.#turn = new Turn(environment, settings.transports, origin);
    const common = { environment, log, turn: this.#turn, attempts: new Attempts(environment, settings, origin) };
    const connectSubs = () => this.subscriptions.connectSubs();
    const connector = new Connector({ ...common, options: settings, endpoints, tokens: this.tokens, connectSubs });
    this.life = new Lifecycle({ ...common, options: settings, connector, announcer: this.#announcer }, this);
    this.subscriptions = new Subscriptions({
      ...common,
      commands: this.commands,
      emit: this.emit,
      session: () => this.life.session,
    });
    this.#forMoving = { ...common, connector };
  }

  /** Send a command, or let it wait for a connection. @param {string} method @param {object} params @returns {Promise<any>} */
  #call(method, params) {
    const { session } = this.life;
    if (this.#isClosed) return Promise.reject(errorOf(CLOSED));
    return session?.isConnected ? submit(session, method, params) : this.outbox.add(method, params);
  }

  connect() {
    if (this.#isClosed) throw errorOf(CLOSED);
    if (this.life.state === 'disconnected') this.#listen(this.settings.environment);
    this.#watch();
    this.life.connect();
  }

  disconnect() {
    this.life.disconnect();
    this.outbox.rejectAll(errorOf({ slug: 'disconnect_called' }));
  }

  /** Let go of everything, for good. */
  close() {
    this.#isClosed = true;
    this.disconnect();
    this.subscriptions.clear();
    this.tokens?.close();
    this.vitals.tell((health) => health.trouble.close());
  }

  // What happens.

  /** @param {import('./types.js').Environment} environment */
  #listen({ page }) {
    const { signal } = this.#stop;
    for (const type of OF_PAGE) page?.addEventListener(type, /** @type {any} */ (this.#onSignal), { signal });
  }

  /** The device, while a connection is wanted; again has no effect. */
  #watch() {
    const { signal } = this.#stop;
    use('network', ({ Network }) => (this.#network ??= new Network(this.settings.environment, this.#onSignal)).start(signal));
  }

  /** @param {import('./network.js').Signal} signal */
  #onSignal = ({ type }) => {
    const { checkTimeout, minReconnectDelay, environment } = this.settings;
    this.vitals.tell(({ quality }) => quality.restart());
    if (type === 'online') this.tokens?.hurry();
    if (type === 'pagehide') this.life.suspend();
    else if (type !== 'hidden') {
      void this.life.session?.check(checkTimeout);
      // Some of a crowd may be told at the same moment.
      if (type !== 'offline') this.life.hurry(environment.random() * minReconnectDelay);
    }
  };

  /** @param {Session} session @param {any} reply */
  onConnected(session, reply) {
    this.#settle(session, reply, false);
    this.#watch(); // should the part not have come before
    session.together(() => {
      this.subscriptions.onConnected(session, reply);
      this.outbox.flush((method, params) => submit(session, method, params));
    });
    this.settings.environment.whenIdle(() => {
      this.vitals.load().catch(() => {}); // the next connection tries again
      void prefetch();
    });
  }

  /** @param {Session} session  that is the present one from now on @param {any} reply @param {boolean} isMove */
  #settle(session, reply, isMove) {
    const { transport } = session;
    this.vitals.tell((health) => health.onConnected(session, reply, isMove));
    this.#turn.onConnected(transport);
    this.#keep(session, reply);
    if (this.#turn.outcomes) this.#move((moving) => moving.watch());
    if (isMove) this.emit('migrated', { client: session.client });
    const from = this.#transport;
    this.#transport = transport;
    if (from && from !== transport) this.emit('transport', { from, to: transport, why: isMove ? 'upgrade' : 'reconnect' });
  }

  /** @param {Session} session @param {any} push */
  onPush(session, push) {
    const isPresent = session === this.life.session;
    if (push.message) this.emit('message', { data: push.message.data });
    else if (push.refresh) isPresent && this.#keep(session, push.refresh);
    else if (push.holdfast) isPresent && push.holdfast.migrate && this.#move((moving) => moving.begin(push.holdfast.migrate.after_ms));
    else this.subscriptions.onPush(session, push);
  }

  /** @param {Session} session @param {Ending} ending */
  onEnded(session, ending) {
    this.#turn.ended(session, ending, session === this.life.session);
    this.vitals.tell((health) => health.onEnded(session, ending));
    this.#moving?.onEnded(session);
    this.subscriptions.onEnded(session);
  }

  /** A connection, or an attempt, is given up. */
  onDown() {
    this.#renewal?.stop();
    this.#moving?.stop();
  }

  /** @param {Session} session */
  onPing(session) {
    this.vitals.health?.onPing(session);
  }

  /** @param {Session} session @param {import('./errors.js').HoldfastError} error  all that a browser tells */
  async explain(session, error) {
    const { signal } = this.#stop;
    const part = await load('explain').catch(() => null);
    // Where not even a module comes, no transport is to blame.
    if (!part) return void this.#turn.explained(session, 'server_unreachable');
    const { vitals, settings } = this;
    const hasConnected = this.#transport !== null;
    const known = { session, error, hasConnected, endpoints: this.#endpoints };
    return part.explain({ ...known, turn: this.#turn, vitals, signal, environment: settings.environment });
  }

  /** @param {Session} session  the present one @param {any} result  of connect, or of a push that says as much */
  #keep(session, result) {
    const { tokens, life } = this;
    this.#renewal?.stop();
    if (!tokens || !result.expires) return;
    use('renewal', ({ Renewal }) => {
      this.#renewal ??= new Renewal(tokens, this.settings.environment, (error) => life.fail(error));
      if (session === life.session) this.#renewal.keep(session, result);
    });
  }

  /** @param {(moving: Moving) => void} work  for the present session, when the part for it is here */
  #move(work) {
    const { session } = this.life;
    use('moving', ({ Moving }) => {
      if (session !== this.life.session) return;
      const { life, subscriptions } = this;
      this.#moving ??= new Moving({ ...this.#forMoving, life, subscriptions, onMoved: (...opened) => this.#settle(...opened, true) });
      work(this.#moving);
    });
  }

  /** @param {import('./errors.js').HoldfastError} error @param {boolean} mayReturn */
  onStopped(error, mayReturn) {
    if (error.slug !== 'disconnect_called') use('advice', (advice) => advice.onStopped(error, this.settings.environment));
    this.#stop.abort();
    this.#stop = new AbortController();
    if (!mayReturn) this.outbox.rejectAll(error);
  }
}

/** @param {Session} session @param {string} method @param {object} params @returns {Promise<any>} */
function submit(session, method, params) {
  if (method !== 'send') return session.request(method, params);
  session.notify(method, params);
  return Promise.resolve();
}
