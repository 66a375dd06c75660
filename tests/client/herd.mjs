/**
 * A crowd that loses its connections at once, simulated with the client's own code; as JSON on standard output.
 *
 *     node herd.mjs CLIENTS WINDOW_MS
 *
 * `worst` is the largest share of the crowd whose first attempt falls into one second, whichever second that is, and
 * `attempts` the same for all attempts, while the server is away for AWAY_MS and takes everybody afterwards. What the end of a
 * connection is, each transport says itself; a poll repeats its request before it gives the session up.
 */

import { Attempts } from '../../app/holdfast/web/client/attempts.js';
import { partOf } from '../../app/holdfast/web/client/connector.js';
import { decide } from '../../app/holdfast/web/client/endings.js';
import { DEFAULTS } from '../../app/holdfast/web/client/options.js';
import { load } from '../../app/holdfast/web/client/on-demand.js';
import { websocketTransport } from '../../app/holdfast/web/client/transports/websocket.js';
import { FakeClock, FakeWebSocket, fakeFetch, recorder, seededRandom, settle } from './fakes.mjs';

const AWAY_MS = 10_000;
const SECOND = 1_000;
const POLL_S = 25;
const CONNECTED_FOR = 3_600_000;
const REFUSED = { code: 1006, reason: '', wasOpen: false };
const CLOSED = { code: 3001, reason: 'shutdown', wasOpen: true };

const [clients, windowMs] = process.argv.slice(2).map(Number);
const random = seededRandom(2026);

/** A client that has been connected for an hour, over a transport whose server answers by `requests`. */
function client() {
  const clock = new FakeClock();
  const { requests, fetch } = fakeFetch();
  const asked = [];
  const environment = {
    clock,
    now: () => clock.time,
    setTimer: (callback, milliseconds) => clock.setTimer(callback, milliseconds),
    clearTimer: (id) => clock.clearTimer(id),
    random,
    randomBytes: (length) => new Uint8Array(length),
    storage: undefined,
    WebSocket: FakeWebSocket,
    fetch: (url, init) => {
      asked.push(clock.time);
      return fetch(url, init);
    },
  };
  const attempts = new Attempts(environment, DEFAULTS, 'https://gateway.example');
  attempts.begin();
  attempts.connected(windowMs);
  clock.time = CONNECTED_FOR;
  const target = { url: 'https://gateway.example/', emulationUrl: '', handshakeTimeout: DEFAULTS.handshakeTimeout };
  return { clock, environment, requests, asked, attempts, target: { ...target, spread: () => attempts.spread() } };
}

/** When a client tries again, in milliseconds from a moment, while the server is away. */
function comeBack({ clock, attempts }, from, ending, moments = []) {
  const delays = { backoff: () => attempts.backoff(), spread: () => attempts.spread(), quick: () => attempts.quick() };
  for (let next = ending; moments.length === 0 || moments.at(-1) < AWAY_MS; next = REFUSED) {
    attempts.ended();
    clock.time += decide(next, delays).delay;
    attempts.begin();
    moments.push(clock.time - from);
  }
  return moments;
}

/** The same of one whose connection has such an end, so long after the first one's. */
function returns(endedAt, ending) {
  const one = client();
  one.clock.time += endedAt;
  return comeBack(one, CONNECTED_FOR, ending);
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

/** How a stream tells that its server is gone. */
async function endOf(name, type) {
  const { environment, requests, target } = client();
  const events = recorder();
  (await load(partOf(name))).maker(target, environment, events).open([{ id: 1, connect: {} }]);
  const body = requests[0].respond(200, undefined, { 'content-type': type });
  await settle();
  body.cut();
  await settle();
  return events.ending;
}

/** The same of the browser's WebSocket. */
function endOfSocket() {
  const { environment, target } = client();
  const events = recorder();
  websocketTransport(target, environment, events).open([{ id: 1, connect: {} }]);
  FakeWebSocket.made.at(-1).accept();
  FakeWebSocket.made.at(-1).end();
  return events.ending;
}

/** The same of a poll that had waited for a while when its server vanished, and whose user says something just then. */
async function pollReturns() {
  const one = client();
  const { clock, environment, requests, asked, target } = one;
  const events = recorder();
  const transport = (await load('transports/poll')).maker(target, environment, events);
  transport.open([{ id: 1, connect: {} }]);
  requests[0].respond(200, { session: 's', node: 'n', timeout: POLL_S, first: 1, messages: [{ id: 1, connect: {} }] });
  await clock.advance(random() * POLL_S * SECOND);
  const from = clock.time;
  const moments = () => asked.slice(2).map((at) => at - from);
  for (let next = 1; !events.ending && (moments().at(-1) ?? 0) < AWAY_MS; next += 1) {
    requests[next].fail();
    await settle();
    if (next === 1) transport.send([{ id: 2, ping: {} }]);
    while (requests.length <= next + 1 && !events.ending) await clock.advance(clock.untilNext);
  }
  return events.ending ? comeBack(one, from, events.ending, moments()) : moments();
}

function shares(all) {
  return { worst: worst(all.map(([first]) => first)), attempts: worst(all.flat()) };
}

function crowd(endOf, ending) {
  return shares(Array.from({ length: clients }, (_, index) => returns(endOf(index), ending)));
}

const polls = [];
for (let index = 0; index < clients; index += 1) polls.push(await pollReturns());

console.log(
  JSON.stringify({
    // The server, or the way to it, is gone in one moment.
    websocket: crowd(() => 0, endOfSocket()),
    http_stream: crowd(() => 0, await endOf('http_stream', 'application/x-ndjson')),
    sse: crowd(() => 0, await endOf('sse', 'text/event-stream')),
    poll: shares(polls),
    // A restart: the drain closes one after the other, over the same window.
    restarted: crowd((index) => (index / clients) * windowMs, CLOSED),
  }),
);
