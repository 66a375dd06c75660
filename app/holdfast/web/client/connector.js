// @ts-check
/** Makes the session of one attempt: a token, the transport whose turn it is, an address, the connect command. */

import { errorOf } from './errors.js';
import { load } from './on-demand.js';
import { withQuery } from './options.js';
import { Session } from './session.js';
import { within } from './timer.js';
import { websocketTransport } from './transports/websocket.js';

/** @typedef {import('./types.js').TokenContext['reason']} TokenReason */
/** @typedef {import('./types.js').TransportName} TransportName */
/** @typedef {{cid: string, tokenReason: TokenReason, signal: AbortSignal, transport?: TransportName}} Attempt */

const CID_BYTES = 16;

/** @param {import('./types.js').Environment} environment @returns {string} 128 random bits as 32 hexadecimal digits */
export function newCid(environment) {
  return Array.from(environment.randomBytes(CID_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class Connector {
  #parts;

  /**
   * @param {object} parts
   * @param {import('./types.js').Environment} parts.environment
   * @param {ReturnType<typeof import('./options.js').withDefaults>} parts.options
   * @param {ReturnType<typeof import('./options.js').endpointsOf>} parts.endpoints
   * @param {Pick<import('./tokens/source.js').TokenSource, 'obtain'> | null} parts.tokens
   * @param {Pick<import('./transports/turn.js').Turn, 'next' | 'lacks'>} parts.turn
   * @param {Pick<import('./attempts.js').Attempts, 'spread'>} parts.attempts
   * @param {() => object} parts.connectSubs  positions of server-side subscriptions
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /**
   * Return a session that has not been opened yet. Rejects with a HoldfastError where there is no token or transport.
   * @param {Attempt} attempt  `transport` where it is no matter of choice
   * @param {import('./session.js').SessionEvents} events
   * @returns {Promise<Session>}
   */
  async prepare({ cid, tokenReason, signal, transport: wanted }, events) {
    const { environment, options, endpoints, tokens, turn, attempts } = this.#parts;
    const token = (await tokens?.obtain(tokenReason, signal)) ?? '';
    const transport = wanted ?? (await turn.next(signal));
    if (transport === null) throw errorOf({ slug: 'transport_unsupported' });
    const maker = transport === 'websocket' ? websocketTransport : (await this.#load(transport, signal)).maker;
    const isInUrl = options.tokenIn === 'url';
    const url = withQuery(endpoints[transport], { cid, token: isInUrl ? token : '' });
    const target = {
      url,
      emulationUrl: endpoints.emulation,
      handshakeTimeout: options.handshakeTimeout,
      spread: () => attempts.spread(),
    };
    const connect = () => this.#connectCommand(cid, isInUrl ? '' : token);
    return new Session({ cid, transport, maker, target, connect, timeouts: options }, environment, events);
  }

  /** @param {Exclude<TransportName, 'websocket'>} transport @param {AbortSignal} signal */
  async #load(transport, signal) {
    const { environment, options, turn } = this.#parts;
    const cause = { slug: 'import_failed', detail: transport };
    try {
      return await within(environment, options.handshakeTimeout, load(partOf(transport)), cause, signal);
    } catch (error) {
      if (!signal.aborted) turn.lacks(transport);
      throw error;
    }
  }

  /** @param {string} cid @param {string} token */
  #connectCommand(cid, token) {
    const { options, connectSubs } = this.#parts;
    const subs = connectSubs();
    return {
      token: token || undefined, // what is undefined does not travel
      data: options.data,
      subs: Object.keys(subs).length > 0 ? subs : undefined,
      name: options.name,
      holdfast: { version: VERSION, cid, can_migrate: true },
    };
  }
}

/** Of the client, as package.json has it; a test compares them. */
export const VERSION = '0.1.0';

/** @param {Exclude<TransportName, 'websocket'>} transport @returns the part that makes it */
export function partOf(transport) {
  return /** @type {'transports/http-stream'} */ (`transports/${transport.replace('_', '-')}`);
}
