// What the tests share: the gateway's addresses, tokens, the server API, waiting for events, and a network that can be cut.
import { createHmac, randomUUID } from 'node:crypto';
import net from 'node:net';
import { EventSource } from 'eventsource';
import WebSocket from 'ws';

/** Which codec every client of this run speaks. */
export const codec = process.env.HOLDFAST_CODEC ?? 'json';
export const { Centrifuge, UnauthorizedError } = await import(
  codec === 'protobuf' ? 'centrifuge/build/protobuf' : 'centrifuge'
);

const { HOLDFAST_TEST_URL, HOLDFAST_TEST_API_KEY, HOLDFAST_TEST_SECRET, HOLDFAST_TEST_CONTROL } = process.env;
/** Which transport every client of this run uses. */
export const transport = process.env.HOLDFAST_TRANSPORT ?? 'websocket';
export const baseUrl = new URL(HOLDFAST_TEST_URL);
export const wsUrl = webSocketUrl(baseUrl.host);

function webSocketUrl(host) {
  return `ws://${host}/connection/websocket`;
}

/** Where and with what the SDK connects to the gateway of a WebSocket URL, over the transport of this run. */
function reached(url) {
  if (transport === 'websocket') return [url, { websocket: WebSocket }];
  const base = `http://${new URL(url).host}`;
  const endpoint = `${base}/connection/${transport}`;
  return [[{ transport, endpoint }], { emulationEndpoint: `${base}/emulation`, eventsource: EventSource }];
}

/** A name that no other test uses, so that tests share one gateway. */
export function unique(prefix) {
  return `${prefix}${randomUUID().slice(0, 8)}`;
}

export function now() {
  return Math.floor(Date.now() / 1000);
}

/** Sign an HS256 token; `secret` differs only where a test wants a wrong signature. */
export function token(claims = {}, secret = HOLDFAST_TEST_SECRET) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: 'alice', exp: now() + 300, ...claims })}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

/** Call the server API and return its whole answer. */
export async function call(method, params = {}) {
  const response = await fetch(new URL(`/api/${method}`, baseUrl), {
    method: 'POST',
    headers: { 'X-API-Key': HOLDFAST_TEST_API_KEY, 'Content-Type': 'application/json' },
    body: JSON.stringify(params),
  });
  if (response.status !== 200) throw new Error(`${method}: HTTP ${response.status}`);
  return response.json();
}

/** Call the server API and return the result of a call that must succeed. */
export async function api(method, params) {
  const answer = await call(method, params);
  if (answer.error) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
  return answer.result;
}

/** Ask the test run for something only it can do, such as a restart of the gateway. */
export async function control(action) {
  const response = await fetch(`${HOLDFAST_TEST_CONTROL}/${action}`, { method: 'POST' });
  if (!response.ok) throw new Error(`${action}: ${await response.text()}`);
}

/** A client of the stock SDK that closes with its test; delays are short, everything else is the SDK's default. */
export function client(t, options = {}, url = wsUrl) {
  const [place, parts] = reached(url);
  const made = new Centrifuge(place, { ...parts, minReconnectDelay: 20, maxReconnectDelay: 200, ...options });
  speakJson(made);
  t.after(() => made.disconnect());
  return made;
}

/** Options of a client whose messages are put into the list as they are sent. */
export function recording(sent) {
  class Recording extends WebSocket {
    send(data, ...rest) {
      sent.push(data.toString());
      super.send(data, ...rest);
    }
  }
  const recordingFetch = (url, options) => {
    if (String(url).endsWith('/emulation')) sent.push(emulated(options.body));
    return fetch(url, options);
  };
  return transport === 'websocket' ? { websocket: Recording } : { fetch: recordingFetch };
}

/** The message in an emulation request; in Protobuf the body itself, but for a pong, of which it is the last byte. */
function emulated(body) {
  if (codec === 'json') return JSON.parse(body).data;
  return Buffer.from(body).subarray(-3).equals(Buffer.from([0x1a, 1, 0])) ? '\0' : 'commands';
}

/** A subscription with short delays. */
export function subscription(centrifuge, channel, options = {}) {
  const sub = centrifuge.newSubscription(channel, { minResubscribeDelay: 20, maxResubscribeDelay: 200, ...options });
  speakJson(sub);
  return sub;
}

/** In Protobuf payloads are bytes: let a client or a subscription take and give JSON values all the same. */
function speakJson(emitter) {
  if (codec !== 'protobuf') return;
  const emit = emitter.emit.bind(emitter);
  emitter.emit = (name, ctx) => emit(name, values(ctx));
  for (const method of ['publish', 'rpc', 'send']) {
    const call = emitter[method]?.bind(emitter);
    if (call) emitter[method] = async (...args) => values(await call(...args.slice(0, -1), bytes(args.at(-1))));
  }
  for (const method of ['history', 'presence']) {
    const call = emitter[method].bind(emitter);
    emitter[method] = async (...args) => values(await call(...args));
  }
}

function bytes(value) {
  return value instanceof Uint8Array ? value : new TextEncoder().encode(JSON.stringify(value));
}

/** Copy what an SDK tells, with values in the place of payloads. */
function values(told) {
  if (told instanceof Uint8Array) return told.length ? JSON.parse(new TextDecoder().decode(told)) : undefined;
  if (Array.isArray(told)) return told.map(values);
  if (told === null || typeof told !== 'object' || told instanceof Error) return told;
  return Object.fromEntries(Object.entries(told).map(([name, value]) => [name, values(value)]));
}

/** The next event of that name, or the next one that fits. */
export function event(emitter, name, fits = () => true, timeout = 20000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => done(reject, new Error(`no fitting '${name}' event within ${timeout} ms`)), timeout);
    const listener = (ctx) => {
      if (fits(ctx)) done(resolve, ctx);
    };
    function done(finish, value) {
      clearTimeout(timer);
      emitter.removeListener(name, listener);
      finish(value);
    }
    emitter.on(name, listener);
  });
}

/** Connect and return the connected event. */
export async function connect(centrifuge) {
  const connected = event(centrifuge, 'connected');
  centrifuge.connect();
  return connected;
}

/** Subscribe and return the subscribed event. */
export async function subscribe(sub) {
  const subscribed = event(sub, 'subscribed');
  sub.subscribe();
  return subscribed;
}

/** A connected client and its subscription, subscribed. */
export async function subscribed(t, channel, { claims = {}, url = wsUrl, clientOptions = {}, ...options } = {}) {
  const centrifuge = client(t, { token: token(claims), ...clientOptions }, url);
  const sub = subscription(centrifuge, channel, options);
  const seen = publications(sub);
  centrifuge.connect();
  const ctx = await subscribe(sub);
  return { centrifuge, sub, seen, ctx };
}

/** The publications that arrive, in order. */
export function publications(emitter) {
  const seen = [];
  emitter.on('publication', (ctx) => seen.push(ctx));
  return seen;
}

/** Wait until the condition holds. */
export async function until(condition, what = 'the condition', timeout = 20000) {
  const end = Date.now() + timeout;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what} did not hold within ${timeout} ms`);
    await pause(10);
  }
}

export function pause(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

/** A TCP proxy before the gateway: `cut` drops every connection, `refuse` lets nobody in, `stall` stops what the gateway says. */
export async function network(t) {
  const pairs = new Set();
  const state = { refusing: false };
  const server = net.createServer((near) => {
    if (state.refusing) {
      near.destroy();
      return;
    }
    const far = net.connect(Number(baseUrl.port), baseUrl.hostname);
    const pair = { near, far };
    pairs.add(pair);
    near.pipe(far);
    far.pipe(near);
    for (const socket of [near, far]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        near.destroy();
        far.destroy();
        pairs.delete(pair);
      });
    }
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const cut = () => pairs.forEach(({ near, far }) => [near, far].forEach((socket) => socket.destroy()));
  t.after(() => {
    cut();
    server.close();
  });
  return {
    url: webSocketUrl(`127.0.0.1:${server.address().port}`),
    cut,
    refuse: (refusing) => {
      state.refusing = refusing;
      if (refusing) cut();
    },
    stall: () => pairs.forEach(({ near, far }) => far.unpipe(near)),
  };
}
