// @ts-check
/**
 * One attempt to connect, and the life of the connection that comes of it: connect command, replies by id, pings, end.
 * It is used once and ends once; what its transport says afterwards is dropped.
 */

import { errorOf } from './errors.js';
import { Requests } from './requests.js';
import { Timer } from './timer.js';

/** @typedef {import('./types.js').Ending} Ending */
/** @typedef {import('./types.js').Message} Message */
/** @typedef {import('./types.js').Command} Command */
/** @typedef {import('./types.js').SessionLike} SessionLike */

/**
 * What a session tells; nothing after `onEnd`.
 * @typedef {object} SessionEvents
 * @property {(session: Session, reply: any) => void} onConnected  with the result of connect
 * @property {(session: Session, push: any) => void} onPush
 * @property {(session: Session, ending: Ending) => void} onEnd  once
 * @property {(session: Session) => void} [onPing]
 */

/**
 * @typedef {object} SessionPlan
 * @property {string} cid
 * @property {import('./types.js').TransportName} transport
 * @property {import('./types.js').TransportMaker} maker
 * @property {import('./types.js').TransportTarget} target
 * @property {() => object} connect  parameters of the connect command, asked when it is sent
 * @property {{handshakeTimeout: number, connectTimeout: number, commandTimeout: number, maxServerPingDelay: number}} timeouts
 */

/** With which code the client leaves a connection that it gave up; the reason is the slug, for the server's log. */
const GAVE_UP = 4000;
const PLANNED = 1000;
const NO_CLOSE_FRAME = 1006;
const UNASKED = 'unasked';
/** Microtasks between a reply and the next message: one for whoever awaits the request, two for a function around it. */
const REPLY_TURNS = 3;

/** @implements {SessionLike} */
export class Session {
  isConnected = false;
  client = '';
  /** @type {number | null} monotonic moment of the connect reply */
  connectedAt = null;
  #plan;
  #environment;
  #events;
  #requests;
  #transport;
  #timer;
  #hasOpened = false;
  #hasEnded = false;
  #answersPings = false;
  #heardAt = 0;
  /** @type {Command[] | null} */
  #held = null;
  /** The oldest last: taking away from the front of a long list takes ever longer. @type {Message[]} */
  #inbox = [];
  #isReading = false;
  #isChecking = false;

  /**
   * @param {SessionPlan} plan
   * @param {import('./types.js').Environment} environment
   * @param {SessionEvents} events
   */
  constructor(plan, environment, events) {
    this.#plan = plan;
    this.#environment = environment;
    this.#events = events;
    this.#requests = new Requests(environment);
    this.#timer = new Timer(environment);
    this.#transport = plan.maker(plan.target, environment, {
      onOpen: () => this.#onOpen(),
      onMessages: (messages) => this.#onMessages(messages),
      onEnd: (ending) => this.#onEnd(ending),
    });
  }

  get cid() {
    return this.#plan.cid;
  }

  get transport() {
    return this.#plan.transport;
  }

  /** Commands that wait for a reply. */
  get inFlight() {
    return this.#requests.size;
  }

  /** Start; called once. */
  open() {
    const { handshakeTimeout, connectTimeout } = this.#plan.timeouts;
    this.#timer.set(handshakeTimeout, () => this.#giveUp('open_timeout'));
    const { id, reply } = this.#requests.add('connect', handshakeTimeout + connectTimeout + 1000);
    reply
      .then(
        (result) => this.#onConnected(result),
        (error) => this.#onRefused(error),
      )
      .catch((error) => this.#onNonsense(error));
    this.#transport.open([{ id, connect: this.#plan.connect() }]);
  }

  /**
   * Send a command and wait for its reply.
   * @param {string} method
   * @param {object} params
   * @param {number} [timeout]  milliseconds
   * @returns {Promise<any>} the result; rejects with a HoldfastError
   */
  request(method, params, timeout = this.#plan.timeouts.commandTimeout) {
    if (!this.isConnected) return Promise.reject(errorOf({ slug: 'connection_cut', detail: method }));
    const { id, reply } = this.#requests.add(method, timeout);
    this.#send({ id, [method]: params });
    return reply;
  }

  /**
   * Send a command that has no reply.
   * @param {string} method
   * @param {object} params
   */
  notify(method, params) {
    if (this.isConnected) this.#send({ [method]: params });
  }

  /** @param {() => void} work  the commands that it sends leave together, at its end */
  together(work) {
    /** @type {Command[]} */
    const held = (this.#held = []);
    try {
      work();
    } finally {
      this.#held = null;
      if (held.length > 0) this.#transport.send(held);
    }
  }

  /**
   * See whether anybody is still there, after sleep or a change of the network.
   * @param {number} timeout  milliseconds; without any sign of life by then this session ends
   */
  async check(timeout) {
    if (this.#isChecking) return; // a storm of events must not become one of commands
    this.#isChecking = true;
    const asked = this.#environment.now();
    try {
      const answer = this.request('ping', {}, timeout);
      this.#transport.hurry?.();
      await answer;
    } catch (error) {
      // Any answer is a sign of life, a refusal too, and so is whatever else came meanwhile.
      const isSilent = /** @type {any} */ (error).slug === 'command_timeout' && this.#heardAt <= asked;
      if (this.isConnected && isSilent) this.#giveUp('pings_missing', { isLocal: true });
    }
    this.#isChecking = false;
  }

  /** @param {number} [code] @param {string} [reason] */
  close(code = PLANNED, reason = '') {
    this.#end({ code, reason, wasOpen: this.#hasOpened });
    this.#transport.close(code, reason);
  }

  // What the transport says.

  #onOpen() {
    if (this.#hasEnded) return;
    this.#hasOpened = true;
    this.#timer.set(this.#plan.timeouts.connectTimeout, () => this.#giveUp('connect_timeout'));
  }

  /** @param {Message[]} messages */
  #onMessages(messages) {
    this.#heardAt = this.#environment.now();
    this.#inbox = messages.reverse().concat(this.#inbox);
    if (!this.#isReading) void this.#read();
  }

  /** Whoever awaits a reply goes on before the next message is looked at: what follows a reply belongs behind it. */
  async #read() {
    this.#isReading = true;
    for (let message = this.#inbox.pop(); message; message = this.#inbox.pop()) {
      this.#onMessage(message);
      if (message.id !== undefined) for (let turn = 0; turn < REPLY_TURNS; turn += 1) await null;
    }
    this.#isReading = false;
  }

  /** @param {Ending} ending */
  #onEnd(ending) {
    for (const message of this.#inbox.splice(0).reverse()) this.#onMessage(message);
    this.#end(ending);
  }

  /** @param {Message} message */
  #onMessage(message) {
    if (this.#hasEnded) return;
    try {
      this.#handle(message);
    } catch (error) {
      this.#onNonsense(error);
    }
  }

  /** @param {Message} message */
  #handle(message) {
    if (message.id !== undefined) {
      if (!this.#requests.settle(/** @type {any} */ (message))) this.#onNonsense(UNASKED);
    } else if (message.push?.disconnect) {
      const { code, reason } = message.push.disconnect;
      this.#end({ code: Number(code) || GAVE_UP, reason: String(reason ?? ''), wasOpen: this.#hasOpened });
      this.#transport.close();
    } else if (message.push !== undefined) {
      // Nothing but pings comes before the connect reply.
      if (this.connectedAt === null) this.#onNonsense(UNASKED);
      else this.#events.onPush(this, message.push);
    } else if (Object.keys(message).length === 0) {
      this.#onPing();
    }
  }

  #onPing() {
    if (this.#answersPings) this.#transport.send([{}]);
    this.#events.onPing?.(this);
  }

  // What becomes of the attempt.

  /** @param {any} result */
  #onConnected(result) {
    if (this.#hasEnded) return;
    if (!(result instanceof Object)) return this.#onNonsense();
    this.client = String(result.client ?? '');
    this.#answersPings = result.pong === true;
    this.#watchPings(result.ping);
    this.isConnected = true;
    this.connectedAt = this.#environment.now();
    this.#events.onConnected(this, result);
  }

  /** @param {any} error  a HoldfastError, of a reply to connect that refuses */
  #onRefused({ slug, number, action }) {
    this.#end({ code: number, reason: slug, isError: true, isTemporary: action === 'retry', wasOpen: true });
    this.#transport.close();
  }

  /** @param {unknown} seconds  between two pings of the server, as it said */
  #watchPings(seconds) {
    const interval = this.#transport.hasPings && Number(seconds) > 0 ? Number(seconds) * 1000 : 0;
    this.#timer.stop();
    if (interval === 0) return;
    const longest = interval + this.#plan.timeouts.maxServerPingDelay;
    const look = () => {
      const left = this.#heardAt + longest - this.#environment.now();
      if (left > 0) this.#timer.set(left, look);
      else this.#giveUp('pings_missing');
    };
    look();
  }

  /** Nobody expects such a message, or fields of such types. @param {unknown} [why] */
  #onNonsense(why) {
    this.#giveUp('message_malformed', { code: GAVE_UP, reason: String(why) });
  }

  /** @param {string} slug @param {Partial<Ending>} [facts] */
  #giveUp(slug, facts = {}) {
    this.#end({ code: NO_CLOSE_FRAME, reason: '', slug, wasOpen: this.#hasOpened, ...facts });
    this.#transport.close(GAVE_UP, slug);
  }

  /** The one way down. @param {Ending} ending */
  #end(ending) {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.isConnected = false;
    this.#timer.stop();
    this.#requests.rejectAll((method) => errorOf({ slug: 'outcome_unknown', detail: method }));
    this.#events.onEnd(this, ending);
  }

  /** @param {Command} command */
  #send(command) {
    if (this.#held) this.#held.push(command);
    else this.#transport.send([command]);
  }
}
