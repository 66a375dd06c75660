// @ts-check
/** What both streams have in common: messages come from a source that does not end, commands leave by the uplink. */

import { parseLines } from './lines.js';
import { LONGEST, nonsense } from './answers.js';
import { Uplink } from './uplink.js';

/** @typedef {import('../types.js').Transport} Transport */
/** @typedef {import('../types.js').Command} Command */
/** @typedef {import('./answers.js').Cause} Cause */

/**
 * What a source tells.
 * @typedef {object} Sink
 * @property {() => void} open
 * @property {(text: string) => void} take  one JSON object a line
 * @property {(cause: Cause) => void} end
 */

/** Starts to read; the first commands as text. Returns what stops it. @typedef {(target: import('../types.js').TransportTarget, environment: import('../types.js').Environment, first: string, sink: Sink) => () => void} Source */

/** @implements {Transport} */
export class StreamTransport {
  hasPings = true;
  #source;
  #target;
  #environment;
  #events;
  #uplink;
  #stop = () => {};
  #wasOpen = false;
  #hasEnded = false;

  /**
   * @param {import('../types.js').TransportName} name
   * @param {Source} source
   * @param {import('../types.js').TransportTarget} target
   * @param {import('../types.js').Environment} environment
   * @param {import('../types.js').TransportEvents} events
   */
  constructor(name, source, target, environment, events) {
    this.name = name;
    this.#source = source;
    this.#target = target;
    this.#environment = environment;
    this.#events = events;
    this.#uplink = new Uplink(target.emulationUrl, environment, (cause) => this.#end(cause));
  }

  /** @param {Command[]} first */
  open(first) {
    const text = first.map((command) => JSON.stringify(command)).join('\n');
    const stop = this.#source(this.#target, this.#environment, text, {
      open: () => this.#onOpen(),
      take: (lines) => this.#take(lines),
      end: (cause) => this.#end(cause),
    });
    if (this.#hasEnded) stop();
    else this.#stop = stop;
  }

  /** @param {Command[]} commands */
  send(commands) {
    if (!this.#hasEnded) this.#uplink.send(commands);
  }

  /** A stream has no goodbye: the end of its connection is one. @param {number} [code] @param {string} [reason] */
  close(code = 1000, reason = '') {
    this.#end({ code, reason });
  }

  #onOpen() {
    if (this.#hasEnded || this.#wasOpen) return;
    this.#wasOpen = true;
    this.#events.onOpen();
  }

  /** @param {string} lines */
  #take(lines) {
    if (this.#hasEnded) return;
    if (lines.length > LONGEST) return this.#end(nonsense('message_oversized'));
    const messages = parseLines(lines);
    if (messages === null) return this.#end(nonsense('message_malformed'));
    const address = messages.find(({ connect }) => connect instanceof Object)?.connect;
    this.#events.onMessages(this.#uplink.filter(messages));
    if (address && !this.#hasEnded) this.#uplink.start({ session: address.session, node: address.node });
  }

  /** @param {Omit<import('../types.js').Ending, 'wasOpen'>} ending */
  #end(ending) {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#uplink.stop();
    this.#stop();
    this.#events.onEnd({ ...ending, wasOpen: this.#wasOpen });
  }
}
