// @ts-check
/** What the status element shows, as plain data: decided here, drawn by element.js. */

import '../codes-rest.js';
import { topicOf } from '../lang/topics.js';
import { needsLogin } from '../tokens/need.js';

/** @typedef {import('../lang/language.js').Language} Language */
/** @typedef {import('../errors.js').HoldfastError} HoldfastError */

/**
 * How things stand. @typedef {'connected' | 'limited' | 'connecting' | 'waiting' | 'trying' | 'offline' | 'login' |
 * 'stopped' | 'idle'} Mood
 */

/** What a user can do about it. @typedef {'retry' | 'connect' | 'login' | 'reload'} UserAction */

/**
 * What is read of a service at one moment.
 * @typedef {object} Snapshot
 * @property {import('../types.js').State} state
 * @property {HoldfastError | null} reason
 * @property {import('../types.js').TransportName | null} transport
 * @property {string} attempt
 * @property {number | null} wait  milliseconds to the next attempt
 * @property {boolean} isOnline
 * @property {HoldfastError | null} [restart]  that the server has announced, and that this may still be
 * @property {boolean} [wasConnected]  there has been a connection
 * @property {any} quality  of the service: grade, reasons, rtt, reconnects, uptime
 */

/**
 * @typedef {object} View
 * @property {Mood} mood
 * @property {string} label
 * @property {string} note  one more sentence, or empty
 * @property {string} hint  what to do, or empty
 * @property {string} countdown
 * @property {UserAction | null} action
 * @property {boolean} isBusy  the action is under way
 * @property {string} announcement  for who listens; the same while only the countdown goes on
 * @property {{grade: string, name: string} | null} quality
 * @property {{key: string, label: string, value: string}[]} details
 */

/** What of a service changes a view. */
const EVENTS = ['state', 'connecting', 'connected', 'disconnected', 'error', 'transport', 'quality', 'migrated'];

/** So long after it was announced a restart can be why the server does not answer, whatever attempts say: milliseconds. */
const RESTART = 60_000;
/** What attempts come to while a server restarts. */
const OF_RESTARTS = new Set(['unreachable', 'trouble', 'retry']);
/** By service, and until when. @type {WeakMap<object, {error: HoldfastError, until: number}>} */
const restarts = new WeakMap();

/**
 * Read a service.
 * @param {any} service @param {import('../types.js').Environment} environment
 * @returns {Snapshot}
 */
export function snapshotOf(service, environment) {
  const { state, reason = null, transport = null, attempt = '', nextAttemptAt = null, quality = null } = service;
  const wait = nextAttemptAt === null ? null : Math.max(0, nextAttemptAt - environment.now());
  const restart = restartOf(service, environment.now());
  return { state, reason, transport, attempt, wait, isOnline: environment.isOnline(), restart, quality };
}

/**
 * Draw again when something changes; all who show a service do it by this, so that they say the same at the same time.
 * @param {any} service @param {import('../types.js').Environment} environment @param {() => void} draw @param {AbortSignal} signal  ends it
 */
export function follow(service, { page }, draw, signal) {
  for (const name of EVENTS) service.addEventListener(name, draw, { signal });
  for (const name of ['online', 'offline']) page?.addEventListener(name, draw, { signal });
  draw();
}

/** @param {any} service @param {number} now @returns {HoldfastError | null} */
function restartOf(service, now) {
  const { state, reason } = service;
  const topic = state === 'connecting' && reason ? topicOf(reason) : '';
  if (topic === 'restarting') restarts.set(service, { error: reason, until: now + RESTART });
  else if (!OF_RESTARTS.has(topic)) restarts.delete(service);
  const known = restarts.get(service);
  return known && now < known.until ? known.error : null;
}

/** @param {Snapshot} snapshot @returns {Mood} */
export function moodOf({ state, reason, transport, wait, isOnline, quality }) {
  if (state === 'connected') {
    const isLimited = quality?.grade === 'poor' || (transport !== null && transport !== 'websocket');
    return isLimited ? 'limited' : 'connected';
  }
  if (state === 'disconnected') return endedMood(reason);
  if (!isOnline || reason?.slug === 'offline') return 'offline';
  if (wait) return 'waiting';
  return reason === null ? 'connecting' : 'trying';
}

/** @param {HoldfastError | null} reason @returns {Mood} */
function endedMood(reason) {
  if (reason === null || topicOf(reason) === 'closed') return 'idle';
  return needsLogin(reason) ? 'login' : 'stopped';
}

/** Topics that a login mends, though the client itself stops at them. */
const LOGIN_TOPICS = new Set(['identity', 'loop']);

/** @param {Mood} mood @param {HoldfastError | null} reason @returns {UserAction | null} */
export function actionOf(mood, reason) {
  if (mood === 'connected' || mood === 'limited' || mood === 'connecting') return null;
  if (mood === 'idle') return 'connect';
  if (mood === 'login') return 'login';
  if (mood !== 'stopped' || reason === null) return 'retry';
  const topic = topicOf(reason);
  if (topic === 'outdated' || topic === 'stop') return 'reload';
  return LOGIN_TOPICS.has(topic) ? 'login' : 'retry';
}

/** @param {Snapshot} snapshot @param {Language} language @returns {View} */
export function viewOf(snapshot, language) {
  const mood = moodOf(snapshot);
  const isTrying = mood === 'waiting' || mood === 'trying';
  const label = language.text(`state.${isTrying ? (snapshot.wasConnected ? 'reconnecting' : 'connecting') : mood}`);
  const { note, hint } = wordsOf(mood, snapshot, language);
  return {
    mood,
    label,
    note,
    hint,
    countdown: countdownOf(mood, snapshot.wait, language),
    action: actionOf(mood, snapshot.reason),
    isBusy: mood === 'trying',
    announcement: [`${label.replace(/…$/, '')}.`, note].filter(Boolean).join(' '),
    quality: qualityOf(snapshot, language),
    details: detailsOf(snapshot, language),
  };
}

/** @param {Mood} mood @param {Snapshot} snapshot @param {Language} language */
function wordsOf(mood, { reason: found, restart, quality }, language) {
  const reason = restart ?? found;
  if (mood === 'connected' || mood === 'connecting') return { note: '', hint: '' };
  if (mood === 'limited') return { note: limitOf(quality, language), hint: '' };
  if (mood === 'idle') return { note: language.text('note.idle'), hint: '' };
  const isNamed = reason !== null && (mood !== 'offline' || topicOf(reason) === 'offline');
  const { title, hint } = language.cause(isNamed ? reason : { slug: 'offline', action: 'retry' });
  if (mood === 'offline') return { note: language.text('note.offline'), hint };
  return { note: title, hint };
}

/** @param {any} quality @param {Language} language */
function limitOf(quality, language) {
  if (quality?.grade !== 'poor') return language.text('note.fallback');
  const key = `note.${quality.reasons?.[0]?.slug}`;
  return language.text(language.has(key) ? key : 'note.poor');
}

/** @param {Mood} mood @param {number | null} wait @param {Language} language */
function countdownOf(mood, wait, language) {
  if (mood === 'trying') return language.text('countdown.now');
  if (mood !== 'waiting') return '';
  return language.text('countdown.next', { time: language.duration(wait ?? 0, 'short') });
}

/** @param {Snapshot} snapshot @param {Language} language */
function qualityOf({ state, quality }, language) {
  if (state !== 'connected' || !language.has(`quality.${quality?.grade}`)) return null;
  return { grade: quality.grade, name: language.text(`quality.${quality.grade}`) };
}

/** @param {Snapshot} snapshot @param {Language} language */
function detailsOf(snapshot, language) {
  const { state, transport, quality, attempt, reason } = snapshot;
  const isConnected = state === 'connected';
  const isProblem = !isConnected && reason !== null && topicOf(reason) !== 'closed';
  const times = () => language.text('detail.times', { count: quality.reconnects });
  return [
    row('transport', isConnected && transport, () => language.text(`transport.${transport}`)),
    row('quality', qualityOf(snapshot, language), () => language.text(`quality.${quality.grade}`)),
    row('rtt', isConnected && isNumber(quality?.rtt), () => language.milliseconds(quality.rtt)),
    row('uptime', isConnected && isNumber(quality?.uptime), () => language.duration(quality.uptime)),
    row('reconnects', quality?.reconnects, times),
    row('problem', isProblem, () => `${reason?.slug} (${reason?.number})`),
    row('attempt', attempt, () => attempt),
  ].flat();

  /** @param {string} key @param {any} isThere @param {() => string} value */
  function row(key, isThere, value) {
    return isThere ? [{ key, label: language.text(`detail.${key}`), value: value() }] : [];
  }
}

/** @param {any} value */
function isNumber(value) {
  return typeof value === 'number' && Number.isFinite(value);
}
