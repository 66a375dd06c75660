// @ts-check
/**
 * Which notices there are: one for each cause, none for a reconnect of moments, none left when the trouble is over.
 * Rules and time only; toasts.js draws them.
 */

import '../codes-rest.js';
import { topicOf } from '../lang/topics.js';
import { Timer } from '../timer.js';
import { needsLogin } from '../tokens/need.js';
import { actionOf, moodOf } from './view.js';

/** A reconnect that is quicker is not worth a word. */
export const GRACE = 3000;
/** More would hide the page; the oldest that need nobody go first. */
export const MOST = 3;

/** @typedef {import('../errors.js').HoldfastError} HoldfastError */

/**
 * @typedef {object} Notice
 * @property {string} topic  the cause, as a person sees it; two notices never have the same
 * @property {HoldfastError} error
 * @property {import('./view.js').UserAction | null} action
 * @property {boolean} isUrgent  nothing goes on until somebody does something
 * @property {boolean} isTrouble  of the present trouble of the connection, and gone with it
 */

/** What is over as soon as there is a connection, for it needs a login that works. */
const LOGIN_TOPICS = new Set(['password', 'locked', 'login', 'ended', 'elsewhere', 'replayed', 'loop']);
/** The user is at the login already. */
const AT_LOGIN = new Set(['password', 'locked']);

const OFFLINE = /** @type {HoldfastError} */ ({ slug: 'offline', action: 'retry' });

export class Notices {
  #look;
  #onChange;
  /** @type {Notice[]} */
  #shown = [];
  /** Topics that the user has dismissed, for as long as the trouble lasts. @type {Set<string>} */
  #dismissed = new Set();
  #timer;
  #isGraceOver = false;

  /**
   * @param {object} options
   * @param {import('../types.js').Environment} options.environment
   * @param {() => import('./view.js').Snapshot} options.look  how the connection is now
   * @param {(notices: Notice[], isBack: boolean) => void} options.onChange  `isBack`: a trouble that was told of is over
   */
  constructor({ environment, look, onChange }) {
    this.#timer = new Timer(environment);
    this.#look = look;
    this.#onChange = onChange;
  }

  get shown() {
    return this.#shown;
  }

  /** Something of the connection has changed. */
  update() {
    const snapshot = this.#look();
    const mood = moodOf(snapshot);
    if (snapshot.state === 'connected' || mood === 'idle') this.#end(snapshot.state === 'connected');
    else if (this.#isGraceOver || mood === 'login' || mood === 'stopped') this.#tell(mood, snapshot.restart ?? snapshot.reason);
    else if (!this.#timer.isSet) this.#timer.set(GRACE, () => this.#endGrace());
  }

  /** A notice beside the connection's own, as of a login. @param {HoldfastError} error */
  add(error) {
    const topic = topicOf(error);
    const action = needsLogin(error) && !AT_LOGIN.has(topic) ? 'login' : null;
    this.#put({ topic, error, action, isUrgent: true, isTrouble: LOGIN_TOPICS.has(topic) });
  }

  /** @param {string} topic */
  dismiss(topic) {
    this.#dismissed.add(topic);
    this.#set(this.#shown.filter((notice) => notice.topic !== topic));
  }

  /** Nothing more is told. */
  close() {
    this.#timer.stop();
    this.#set([]);
  }

  // Private methods

  #endGrace() {
    this.#isGraceOver = true;
    this.update();
  }

  /** @param {boolean} isConnected */
  #end(isConnected) {
    this.#timer.stop();
    this.#isGraceOver = false;
    this.#dismissed.clear();
    const left = this.#shown.filter((notice) => !notice.isTrouble);
    if (left.length < this.#shown.length) this.#set(left, isConnected);
  }

  /** The one notice of the connection's trouble. @param {import('./view.js').Mood} mood @param {HoldfastError | null} reason */
  #tell(mood, reason) {
    const error = mood === 'offline' ? OFFLINE : reason;
    if (error === null || this.#dismissed.has(topicOf(error))) return;
    const isUrgent = mood === 'login' || mood === 'stopped';
    this.#put({ topic: topicOf(error), error, action: actionOf(mood, error), isUrgent, isTrouble: true });
  }

  /** @param {Notice} notice */
  #put(notice) {
    const others = this.#shown.filter(({ topic, isTrouble }) => topic === notice.topic || !(notice.isTrouble && isTrouble));
    const isKnown = others.some(({ topic }) => topic === notice.topic);
    if (isKnown) this.#set(others.map((other) => (other.topic === notice.topic ? notice : other)));
    else this.#set(limited([...others, notice]));
  }

  /** @param {Notice[]} notices @param {boolean} [isBack] */
  #set(notices, isBack = false) {
    this.#shown = notices;
    this.#onChange(notices, isBack);
  }
}

/** @param {Notice[]} notices  oldest first */
function limited(notices) {
  if (notices.length <= MOST) return notices;
  const victim = notices.find((notice) => !notice.isUrgent) ?? notices[0];
  return notices.filter((notice) => notice !== victim);
}
