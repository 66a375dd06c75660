// @ts-check
/**
 * Long polling, as docs/poll.md tells it: numbered requests and messages, so that whatever dies on the way is asked for
 * again, and nothing is lost or doubled within a session.
 */

import { backoffDelay } from '../backoff.js';
import { newCid } from '../connector.js';
import { abortAfter, isHtml } from '../http.js';
import { pause } from '../timer.js';
import { GAVE_UP, NO_WORD, because, causeOf, discard, jsonOf, nonsense, post, takeBatch } from './answers.js';

/** @typedef {import('../types.js').Transport} Transport */
/** @typedef {import('../types.js').Command} Command */
/** @typedef {import('../types.js').Message} Message */
/** @typedef {import('./answers.js').Cause} Cause */
/** @typedef {{seq: number, commands: Command[], key?: string}} Request  the opening one has the seq 0 and a key */
/** @typedef {{messages: Message[], first: number, session: string, node: string, timeout: number}} Answer  the last three in the opening one alone */

const PATIENCE = 10_000;
/** Seconds: a gateway lets a request wait for 25, and one that wanted hours could not be told from a dead one. */
const LONGEST_WAIT = 300;
const OPENING_TRIES = 3;
const DELAYS = { minReconnectDelay: 500, maxReconnectDelay: 8_000 };
/** So many answers in a row that come sooner than this are taken as they come; what follows is gathered. */
const MOST_QUICK = 20;
const QUICK = 50;
/** An answer that says nothing and comes sooner than this was not waited for: asking again at once would never rest. */
const RUSH = 1_000;

/** @type {import('../types.js').TransportMaker} */
export function maker(target, environment, events) {
  return new PollTransport(target, environment, events);
}

/** @implements {Transport} */
class PollTransport {
  name = /** @type {const} */ ('poll');
  hasPings = false;
  #target;
  #environment;
  #events;
  /** @type {Command[]} */
  #queue = [];
  /** @type {{session: string, node: string} | null} */
  #address = null;
  /** How long a request may take. */
  #timeout;
  /** @type {Request | null} the newest; those before it have been overtaken */
  #newest = null;
  #ack = 0;
  #failures = 0;
  /** A request has failed and waits to be repeated. */
  #isResting = false;
  #rushes = 0;
  #quick = 0;
  /** @type {number | null} moment of the last answer, or of the first request */
  #heardAt = null;
  #isOver = false;
  #hasEnded = false;
  #stop = new AbortController();
  #over = new AbortController();

  /**
   * @param {import('../types.js').TransportTarget} target
   * @param {import('../types.js').Environment} environment
   * @param {import('../types.js').TransportEvents} events
   */
  constructor(target, environment, events) {
    this.#target = target;
    this.#environment = environment;
    this.#events = events;
    this.#timeout = target.handshakeTimeout / 2; // so that there is time to repeat it
  }

  /** @param {Command[]} first */
  open(first) {
    this.#carry({ seq: 0, commands: first, key: newCid(this.#environment) });
  }

  /** @param {Command[]} commands */
  send(commands) {
    if (this.#hasEnded) return;
    this.#queue.push(...commands);
    // One that waits is overtaken; one with commands is not, for the other could be the only one that arrives.
    if (this.#newest?.commands.length === 0 && !this.#isResting) this.#next();
  }

  /** The network may be back: repeat now what failed. */
  hurry() {
    this.#stop.abort();
    this.#stop = new AbortController();
  }

  /** @param {number} [code] @param {string} [reason] */
  close(code = 1000, reason = '') {
    if (this.#hasEnded) return;
    this.#end({ code, reason });
    this.#leave();
  }

  #next() {
    const seq = /** @type {Request} */ (this.#newest).seq + 1;
    this.#carry({ seq, commands: takeBatch(this.#queue) });
  }

  /** Send a request until it is answered or overtaken; then the next one. @param {Request} request */
  async #carry(request) {
    this.#newest = request;
    this.#heardAt ??= this.#environment.now();
    for (let tries = 1; ; tries += 1) {
      const began = this.#environment.now();
      const outcome = await this.#ask(request);
      if ('messages' in outcome) return this.#onAnswer(request, outcome, began);
      if (!this.#isNewest(request)) return;
      const spread = this.#spreadAfter(request, outcome);
      const delay = Math.max(spread.delay ?? this.#backoff(this.#failures), outcome.retryAfter ?? 0);
      if (this.#isFinal(request, outcome, tries, delay)) return this.#end({ ...outcome, ...spread });
      this.#failures += 1;
      this.#isResting = true;
      await this.#rest(delay);
      this.#isResting = false;
      if (!this.#isNewest(request)) return;
      if (request.commands.length === 0 && this.#queue.length > 0) return this.#next();
    }
  }

  /** @param {Request} request @returns {Promise<Answer | Cause>} */
  #ask(request) {
    const isOpening = request.seq === 0;
    const work = async (/** @type {AbortController} */ { signal }) => {
      const response = await post(this.#environment, this.#target.url, this.#body(request), { signal });
      return response.status !== 200 || isHtml(response) ? causeOf(response) : read(await jsonOf(response), request);
    };
    // An opening goes on when all is over: its answer has the session that is to be left.
    const over = isOpening ? undefined : this.#over.signal;
    const slug = isOpening ? 'open_failed' : 'connection_cut';
    return abortAfter(this.#environment, this.#timeout, work, over).catch(() => because(slug));
  }

  /** The same bytes in each repetition, but for a higher `ack`. @param {Request} request */
  #body({ key, seq, commands }) {
    if (key !== undefined) return JSON.stringify({ key, commands });
    return JSON.stringify({ ...this.#address, seq, ack: this.#ack, ...(commands.length > 0 && { commands }) });
  }

  /** @param {Request} request @param {Answer} answer @param {number} began */
  async #onAnswer(request, answer, began) {
    const isOpening = request.seq === 0;
    if (isOpening) this.#address = { session: answer.session, node: answer.node };
    if (isOpening && this.#hasEnded) return this.#leave(); // closed meanwhile: the session was not known before
    if (!this.#isNewest(request)) return;
    if (isOpening) this.#onOpen(answer.timeout);
    this.#heardAt = this.#environment.now();
    this.#failures = 0;
    if (!this.#take(answer)) return this.#end(nonsense('answer_malformed'));
    await this.#calm(answer.messages.length, request.commands.length, this.#heardAt - began);
    if (this.#isNewest(request)) this.#next();
  }

  /** Let nobody make this client ask without rest. @param {number} messages @param {number} commands @param {number} took  milliseconds */
  async #calm(messages, commands, took) {
    const isRush = messages + commands === 0 && took < RUSH;
    this.#rushes = isRush ? this.#rushes + 1 : 0;
    this.#quick = took < QUICK && commands === 0 ? this.#quick + 1 : 0;
    if (isRush) await this.#rest(this.#backoff(this.#rushes));
    else if (this.#quick > MOST_QUICK) await this.#rest(RUSH / 2);
  }

  /** @param {number} seconds */
  #onOpen(seconds) {
    this.#timeout = Math.min(seconds, LONGEST_WAIT) * 1000 + PATIENCE;
    if (!this.#hasEnded) this.#events.onOpen();
  }

  /** Hand on what is new. @param {Answer} answer @returns {boolean} whether it follows what came before */
  #take({ first, messages }) {
    if (messages.length === 0) return true;
    if (first > this.#ack + 1) return false;
    const news = messages.slice(this.#ack + 1 - first);
    this.#ack += news.length;
    if (news.some(({ push }) => push?.disconnect)) this.#isOver = true;
    if (news.length > 0) this.#events.onMessages(news);
    return true;
  }

  /** @param {Request} request @param {Cause} cause @param {number} tries @param {number} delay @returns {boolean} */
  #isFinal(request, { code, reason, slug, status = 0 }, tries, delay) {
    if (code === GAVE_UP) return true;
    if (status >= 400 && status < 500 && status !== 408 && status !== 429) return true;
    // What an opening met is worth telling: the gateway's own word, or a page to log in to the network.
    if (request.seq === 0) return reason !== '' || slug === 'captive_portal' || tries >= OPENING_TRIES;
    // A gateway that has not been heard for so long by then is gone; whoever looks should see that, and wait outside.
    return this.#environment.now() + delay - /** @type {number} */ (this.#heardAt) >= this.#timeout;
  }

  /** @param {Request} request */
  #isNewest(request) {
    return !this.#hasEnded && request === this.#newest;
  }

  /**
   * Where nobody said a word the server may have vanished, and everybody else has noticed in the same instant.
   * @param {Request} request @param {Cause} cause @returns {{delay?: number}} milliseconds until this client tries again
   */
  #spreadAfter({ seq }, { code }) {
    const hasVanished = seq > 0 && code === NO_WORD && this.#failures === 0;
    return hasVanished ? { delay: this.#target.spread() } : {};
  }

  /** @param {number} times  that it was in vain */
  #backoff(times) {
    return backoffDelay(times, DELAYS, this.#environment.random);
  }

  /** @param {number} milliseconds */
  #rest(milliseconds) {
    return pause(this.#environment, milliseconds, this.#stop.signal);
  }

  /** Tell the gateway, which would keep the session for a minute. */
  #leave() {
    if (this.#isOver || this.#address === null) return;
    const seq = /** @type {Request} */ (this.#newest).seq + 1;
    const body = JSON.stringify({ ...this.#address, seq, ack: this.#ack, close: true });
    post(this.#environment, this.#target.url, body, { keepalive: true }).then(discard, () => {});
  }

  /** @param {Omit<import('../types.js').Ending, 'wasOpen'>} ending */
  #end(ending) {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stop.abort();
    this.#queue = [];
    this.#over.abort();
    this.#events.onEnd({ ...ending, wasOpen: this.#address !== null });
  }
}

/**
 * @param {any} body  of an answer, parsed
 * @param {Request} request
 * @returns {Answer | Cause}
 */
function read(body, { seq }) {
  if (body === undefined) return because('answer_malformed'); // cut off, it may come whole the next time
  const { messages, first, superseded, session, node, timeout } = body ?? {};
  if (superseded === true && seq > 0) return { messages: [], first: 1, session, node, timeout };
  const isAnswer = Array.isArray(messages) && messages.every(isObject) && Number.isInteger(first) && first > 0;
  const isOpening = typeof session === 'string' && typeof node === 'string' && timeout > 0;
  if (!isAnswer || (seq === 0 && !isOpening)) return nonsense('answer_malformed');
  return { messages, first, session, node, timeout };
}

/** @param {unknown} value */
function isObject(value) {
  return value instanceof Object && !Array.isArray(value);
}
