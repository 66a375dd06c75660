/**
 * A crowd that loses its connections at once, simulated with the client's own code; as JSON on standard output.
 *
 *     node herd.mjs CLIENTS WINDOW_MS
 *
 * `worst` is the largest share of the crowd whose first attempt falls into one second, whichever second that is, and
 * `attempts` the same for all attempts, while the server is away for AWAY_MS and takes everybody afterwards.
 */

import { Attempts } from '../../app/holdfast/web/client/attempts.js';
import { decide } from '../../app/holdfast/web/client/endings.js';
import { DEFAULTS } from '../../app/holdfast/web/client/options.js';
import { seededRandom } from './fakes.mjs';

const AWAY_MS = 10_000;
const SECOND = 1_000;
const CONNECTED_FOR = 3_600_000;
const VANISHED = { code: 1006, reason: '', wasOpen: true };
const REFUSED = { code: 1006, reason: '', wasOpen: false };
const CLOSED = { code: 3001, reason: 'shutdown', wasOpen: true };

const [clients, windowMs] = process.argv.slice(2).map(Number);
const random = seededRandom(2026);

/** Moments, in milliseconds from the first end, at which a client that was connected for an hour tries again. */
function returns(endedAt, ending) {
  const environment = { time: 0, now: () => environment.time, random, storage: undefined };
  const attempts = new Attempts(environment, DEFAULTS, 'https://gateway.example');
  const delays = { backoff: () => attempts.backoff(), spread: () => attempts.spread(), quick: () => attempts.quick() };
  attempts.begin();
  attempts.connected(windowMs);
  environment.time = CONNECTED_FOR + endedAt;
  const moments = [];
  for (let next = ending; moments.length === 0 || moments.at(-1) < AWAY_MS; next = REFUSED) {
    attempts.ended();
    environment.time += decide(next, delays).delay;
    attempts.begin();
    moments.push(environment.time - CONNECTED_FOR);
  }
  return moments;
}

/** The largest share of the crowd within any second. */
function worst(moments) {
  const sorted = Float64Array.from(moments).sort();
  let first = 0;
  let most = 0;
  for (let last = 0; last < sorted.length; last += 1) {
    while (sorted[last] - sorted[first] >= SECOND) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most / clients;
}

function crowd(endOf, ending) {
  const all = Array.from({ length: clients }, (_, index) => returns(endOf(index), ending));
  return { worst: worst(all.map(([first]) => first)), attempts: worst(all.flat()) };
}

console.log(
  JSON.stringify({
    // The server, or the way to it, is gone in one moment.
    vanished: crowd(() => 0, VANISHED),
    // A restart: the drain closes one after the other, over the same window.
    restarted: crowd((index) => (index / clients) * windowMs, CLOSED),
  }),
);
