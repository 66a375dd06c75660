// @ts-check
/** When to renew: before the end, each at a moment of its own, and at once when a page wakes up too late. */

/** Timers stand still while a machine sleeps, so look at the clock this often: milliseconds. */
const LOOK = 60_000;
/** Seconds: a server that lets tokens expire sooner is not asked for others in a row. */
const SHORTEST = 2;

/**
 * @param {import('../types.js').Environment} environment
 * @param {number} ttl  seconds from now
 * @param {() => void} callback  called once
 * @returns {() => void} cancels it
 */
export function scheduleRenewal(environment, ttl, callback) {
  const { now, wallClock, page, document } = environment;
  const lasts = Math.max(SHORTEST, ttl);
  const lead = Math.min(300, lasts * 0.3) * (0.5 + environment.random() / 2);
  const due = (lasts - lead) * 1000;
  const begun = [now(), wallClock()];
  const stop = new AbortController();
  /** @type {unknown} */
  let timer;
  const look = () => {
    environment.clearTimer(timer);
    if (stop.signal.aborted) return;
    const left = due - Math.max(now() - begun[0], wallClock() - begun[1]); // one of them may have stood still
    if (left > 0) {
      timer = environment.setTimer(look, Math.min(left, LOOK));
    } else {
      stop.abort();
      callback();
    }
  };
  for (const name of ['pageshow', 'online', 'focus']) page?.addEventListener(name, look, { signal: stop.signal });
  document?.addEventListener('visibilitychange', look, { signal: stop.signal });
  timer = environment.setTimer(look, Math.min(due, LOOK));
  return () => {
    stop.abort();
    environment.clearTimer(timer);
  };
}
