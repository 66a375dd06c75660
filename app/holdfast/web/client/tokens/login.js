// @ts-check
/**
 * The gateway's own login from a page: a session in a cookie that scripts cannot read, and short tokens that are
 * fetched with it. All tabs of an origin log in and out together.
 */

import '../codes-rest.js';
import { browserEnvironment } from '../environment.js';
import { Emitter } from '../emitter.js';
import { errorOf, HoldfastError } from '../errors.js';
import { ServerClock } from './clock.js';
import { askEndpoint } from './endpoint.js';
import { needsLogin } from './need.js';
import { forgetTries, goToLogin, returnPath } from './redirect.js';

const QUIET = ['refresh', 'session'];
/** How far a device's clock may be off before the user hears of it: seconds. */
const WRONG_CLOCK = 60;

/** @typedef {{id: string, name: string}} User */

/**
 * @typedef {object} LoginOptions
 * @property {string} [url]  of the login: `/auth`
 * @property {string} [page]  the application's page with the login form
 * @property {import('../types.js').Environment} [environment]
 */

/** What of a service the login needs. @typedef {EventTarget & {connect: () => void, disconnect: () => void}} ServiceLike */

/** The `detail` by event; a `notice` is something that the user should be told. @typedef {{signedin: {user: User}, signedout: {error: HoldfastError}, notice: {error: HoldfastError}}} LoginEvents */

/** @extends {Emitter<LoginEvents>} */
export class LoginTokens extends Emitter {
  #url;
  #page;
  #environment;
  #clock;
  /** @type {BroadcastChannel | undefined} */
  #channel;
  /** The answer to a login, until it is fetched. @type {any} */
  #fresh = null;
  #generation = 0;
  /** @type {User | null} */
  #user = null;
  /** @type {HoldfastError | null} */
  #signedOut = null;
  #saidClock = false;

  /** @param {LoginOptions} [options] */
  constructor({ url = '/auth', page = '/login', environment = browserEnvironment() } = {}) {
    super((fault) => environment.reportFault(fault));
    this.#url = url.replace(/\/$/, '');
    this.#page = page;
    this.#environment = environment;
    this.#clock = new ServerClock(environment);
    this.getToken = Object.assign(
      (/** @type {import('../types.js').TokenContext} */ _) => this.#fetch(),
      { share: this.#url, generation: () => this.#generation },
    );
    const { BroadcastChannel } = environment;
    if (BroadcastChannel === undefined) return;
    this.#channel = new BroadcastChannel(`holdfast:login:${this.#url}`);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    /** @type {any} */ (this.#channel).unref?.(); // Node would wait for it
  }

  /**
   * @param {string} username
   * @param {string} password
   * @returns {Promise<User>} rejects with login_refused, login_locked, token_source_unreachable and others
   */
  async login(username, password) {
    const answer = await this.#ask('login', { username, password });
    this.#begin(answer);
    this.#channel?.postMessage({ in: answer.user });
    return answer.user;
  }

  /** End the session here, or with `everywhere` on all devices. @param {{everywhere?: boolean}} [options] */
  async logout({ everywhere = false } = {}) {
    await this.#ask('logout', { everywhere }).catch((error) => {
      if (!needsLogin(error)) throw error; // nobody is logged in any more, which is what was wanted
    });
    this.#channel?.postMessage({ out: true });
    this.#end(errorOf({ slug: 'login_required' }));
  }

  /** Who is logged in, since when and until when; null if nobody is. @returns {Promise<any>} */
  async session() {
    try {
      return await this.#ask('session');
    } catch (error) {
      if (error instanceof HoldfastError && error.action === 'login') return null;
      throw error;
    }
  }

  /** Where the user is to go after the login. @param {string} [fallback] */
  returnAddress(fallback = '/') {
    return returnPath(this.#environment, fallback);
  }

  /**
   * Let a service go by this login: disconnect it when the user signs out in another tab, connect it when they sign in,
   * and go to the login page, once and with a way back, when it asks for one.
   * @param {ServiceLike} service
   * @returns {() => void} undoes it
   */
  attach(service) {
    const { signal, abort } = stopper();
    const onLogin = (/** @type {any} */ { detail }) => this.#needLogin(detail.error);
    service.addEventListener('login', onLogin, { signal });
    this.addEventListener('signedin', () => {
      service.disconnect(); // it may be another user
      service.connect();
    }, { signal });
    this.addEventListener('signedout', (event) => {
      service.disconnect();
      onLogin(event);
    }, { signal });
    return abort;
  }

  /** Let go of the channel. */
  close() {
    this.#channel?.close();
    this.#channel = undefined;
  }

  /** What is under way is not cut short when nobody waits any more: the answer has the session's next cookie. */
  async #fetch() {
    if (this.#signedOut) throw this.#signedOut;
    const fresh = this.#fresh;
    this.#fresh = null;
    if (fresh) return { ...fresh, server_time: this.#clock.isLearned ? this.#clock.now() : undefined };
    const answer = await this.#ask('refresh', {});
    this.#user = answer.user ?? null;
    forgetTries(this.#environment);
    return answer;
  }

  /** @param {'login' | 'logout' | 'refresh' | 'session'} what @param {object} [body] */
  async #ask(what, body) {
    try {
      const method = body ? 'POST' : 'GET';
      // Asked quietly, our gateway answers without an error where nobody is logged in: the console would show each one.
      const url = `${this.#url}/${what}${QUIET.includes(what) ? '?quiet' : ''}`;
      // The session is in cookies, of another origin where the gateway has one of its own.
      const answer = await askEndpoint({ environment: this.#environment, url, method, body, credentials: 'include' });
      this.#lookAtClock(answer.server_time);
      if (answer.user === null) throw Object.assign(errorOf({ slug: 'session_missing' }), { action: 'login' });
      return answer;
    } catch (error) {
      const isEnded = error instanceof HoldfastError && needsLogin(error);
      const isAsked = what === 'login' || (what === 'logout' && !isEnded); // the service tells of what goes on by itself
      if (what === 'refresh' ? isEnded : isAsked) this.emit('notice', { error });
      throw error;
    }
  }

  /** @param {number | undefined} serverTime */
  #lookAtClock(serverTime) {
    this.#clock.learn(serverTime);
    const isDeviceWrong = Math.abs(this.#clock.now() - this.#environment.wallClock() / 1000) > WRONG_CLOCK;
    if (isDeviceWrong && !this.#saidClock) this.emit('notice', { error: errorOf({ slug: 'clock_wrong' }) });
    this.#saidClock = isDeviceWrong;
  }

  /** @param {any} message */
  #hear(message) {
    if (message?.out) this.#end(errorOf({ slug: 'signed_out_elsewhere' }));
    const isKnown = message?.in?.id === this.#user?.id && this.#signedOut === null;
    if (message?.in && !isKnown) this.#begin({ user: message.in });
  }

  /** @param {any} answer */
  #begin(answer) {
    this.#generation += 1;
    this.#signedOut = null;
    this.#fresh = answer.token ? answer : null;
    this.#user = answer.user ?? null;
    this.emit('signedin', { user: answer.user });
  }

  /** @param {HoldfastError} error */
  #end(error) {
    this.#generation += 1;
    this.#signedOut = error;
    this.#fresh = null;
    this.#user = null;
    this.emit('signedout', { error });
    this.emit('notice', { error });
  }

  /** @param {HoldfastError} error */
  #needLogin(error) {
    const problem = goToLogin({ page: this.#page, environment: this.#environment, reason: error.slug });
    if (problem) this.emit('notice', { error: problem });
  }
}

/** @param {LoginOptions} [options] */
export function loginTokens(options) {
  return new LoginTokens(options);
}

function stopper() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
