/** Surroundings for unit tests: time that a test moves, sockets that a test answers, and no network. */

import { prefetch } from '../../app/holdfast/web/client/on-demand.js';

// What loads on demand loads in real time: here it is there from the beginning.
await prefetch();

/** Let everything that is ready to run do so: promises and what hangs on them. */
export async function settle() {
  for (let round = 0; round < 20; round += 1) await Promise.resolve();
}

/** Time that stands still until it is told to go on. */
export class FakeClock {
  #timers = new Map();
  #next = 1;
  time = 0;
  /** How far the wall clock is from the monotonic one. */
  wallOffset = 1_800_000_000_000;

  setTimer(callback, milliseconds) {
    const id = this.#next++;
    this.#timers.set(id, { at: this.time + Math.min(2e9, Math.max(0, milliseconds)), id, callback });
    return id;
  }

  clearTimer(id) {
    this.#timers.delete(id);
  }

  get pending() {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer, or null. */
  get untilNext() {
    const first = this.#first();
    return first === undefined ? null : Math.max(0, first.at - this.time);
  }

  /** Run all timers of the next so many milliseconds in order, and what they cause. */
  async advance(milliseconds) {
    const end = this.time + milliseconds;
    await settle();
    for (let timer = this.#first(); timer !== undefined && timer.at <= end; timer = this.#first()) {
      this.time = Math.max(this.time, timer.at);
      this.#timers.delete(timer.id);
      timer.callback();
      await settle();
    }
    this.time = end;
    await settle();
  }

  /** Let the machine sleep: the wall clock goes on, the monotonic one and the timers do not. */
  sleep(milliseconds) {
    this.wallOffset += milliseconds;
  }

  #first() {
    return [...this.#timers.values()].sort((a, b) => a.at - b.at || a.id - b.id)[0];
  }
}

/** The same numbers in each run, evenly spread (mulberry32). */
export function seededRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A socket that a test answers; `FakeWebSocket.made` has all of them, oldest first. */
export class FakeWebSocket {
  static made = [];
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSING = 2;
  static CLOSED = 3;
  readyState = 0;
  bufferedAmount = 0;
  sent = [];
  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    FakeWebSocket.made.push(this);
  }

  /** Every command that was sent and not yet taken, parsed. */
  take() {
    return this.sent.splice(0).flatMap((text) => text.split('\n').map((line) => JSON.parse(line)));
  }

  send(text) {
    if (this.readyState !== 1) throw new DOMException('not open', 'InvalidStateError');
    this.sent.push(text);
  }

  close(code = 1000, reason = '') {
    if (this.readyState >= 2) return;
    this.readyState = 2;
    this.closedWith = { code, reason };
  }

  // What the server does.

  accept() {
    this.readyState = 1;
    this.onopen?.({});
  }

  say(...messages) {
    this.sayText(messages.map((message) => JSON.stringify(message)).join('\n'));
  }

  sayText(data) {
    this.onmessage?.({ data });
  }

  /** The connection ends: 1006 is an end without a close frame. */
  end(code = 1006, reason = '') {
    if (this.readyState === 3) return;
    this.readyState = 3;
    if (code === 1006) this.onerror?.({});
    this.onclose?.({ code, reason, wasClean: code !== 1006 });
  }
}

/** localStorage in memory. */
export class FakeStorage {
  #items = new Map();

  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  setItem(key, value) {
    this.#items.set(key, String(value));
  }

  removeItem(key) {
    this.#items.delete(key);
  }
}

/** Channels between the tabs of one origin: give `channels.Channel` to each tab's environment. */
export function fakeChannels() {
  const open = new Set();
  class Channel {
    onmessage = null;
    constructor(name) {
      this.name = name;
      open.add(this);
    }
    postMessage(data) {
      const copy = structuredClone(data);
      for (const other of open) {
        if (other === this || other.name !== this.name) continue;
        queueMicrotask(() => open.has(other) && other.onmessage?.({ data: copy }));
      }
    }
    close() {
      open.delete(this);
    }
  }
  return { Channel, open };
}

/** Web Locks of one origin; `die()` is what a browser does for a tab that is gone. */
export class FakeLocks {
  #queues = new Map();

  request(name, options, callback) {
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    if (options.ifAvailable && queue.length > 0) return Promise.resolve(callback(null));
    return new Promise((resolve, reject) => {
      const entry = { isHeld: false, run: () => this.#run(name, entry, callback).then(resolve, reject) };
      options.signal?.addEventListener('abort', () => {
        if (entry.isHeld) return;
        queue.splice(queue.indexOf(entry), 1);
        reject(options.signal.reason);
      });
      queue.push(entry);
      if (queue.length === 1) entry.run();
    });
  }

  /** Release what is held, as if its tab were gone. */
  die(name) {
    this.#next(name);
  }

  async #run(name, entry, callback) {
    entry.isHeld = true;
    try {
      return await callback({ name });
    } finally {
      if (this.#queues.get(name)[0] === entry) this.#next(name);
    }
  }

  #next(name) {
    const queue = this.#queues.get(name);
    queue.shift();
    queue[0]?.run();
  }
}

/** A JWT that nobody verifies. */
export function fakeToken(claims = {}, header = { alg: 'HS256' }) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${encode(header)}.${encode(claims)}.${Buffer.from('signature').toString('base64url')}`;
}

/** Like clock.advance, in steps, and lets `import()` and streams go on in between. */
export async function pass(clock, milliseconds) {
  for (let left = milliseconds; left >= 0; left -= 50) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(Math.min(50, left));
  }
  await new Promise((resolve) => setImmediate(resolve));
}

/** An Environment, its clock, and switches: `online`, `hidden`. */
export function fakeEnvironment(changes = {}) {
  FakeWebSocket.made = [];
  const clock = new FakeClock();
  const random = seededRandom(7);
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  const environment = {
    clock,
    online: true,
    beacons: [],
    now: () => clock.time,
    wallClock: () => clock.time + clock.wallOffset,
    setTimer: (callback, milliseconds) => clock.setTimer(callback, milliseconds),
    clearTimer: (id) => clock.clearTimer(id),
    whenIdle: (callback) => callback(),
    random,
    randomBytes: (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256)),
    WebSocket: FakeWebSocket,
    fetch: async () => {
      throw new TypeError('there is no network here');
    },
    BroadcastChannel: undefined,
    locks: undefined,
    storage: new FakeStorage(),
    tabStorage: new FakeStorage(),
    page: new EventTarget(),
    document,
    connection: new EventTarget(),
    isOnline: () => environment.online,
    isHidden: () => document.visibilityState === 'hidden',
    sendBeacon: (url, body) => environment.beacons.push({ url, body }) > 0,
    baseUrl: 'https://app.example/',
    warnings: [],
    warn: (text) => environment.warnings.push(text),
    faults: [],
    reportFault: (fault) => environment.faults.push(fault),
    href: 'https://app.example/',
    address: () => environment.href,
    visited: [],
    navigate: (url) => environment.visited.push(url),
    userAgent: 'Fake/1.0',
    language: 'en',
    ...changes,
  };
  return environment;
}

/** The body of an answer, which a test sends piece by piece. */
export class FakeBody {
  #parts = [];
  #wake = () => {};
  isCancelled = false;

  getReader() {
    return { read: () => this.#read(), cancel: () => this.cancel() };
  }

  async cancel() {
    this.isCancelled = true;
    this.#parts = [];
    this.end();
  }

  /** @param {string | Uint8Array} part */
  push(part) {
    const value = typeof part === 'string' ? new TextEncoder().encode(part) : part;
    this.#add(() => ({ done: false, value }));
  }

  end() {
    this.#add(() => ({ done: true, value: undefined }));
  }

  cut(error = new TypeError('the connection is gone')) {
    this.#add(() => {
      throw error;
    });
  }

  #add(part) {
    this.#parts.push(part);
    this.#wake();
  }

  async #read() {
    while (this.#parts.length === 0) await new Promise((resolve) => (this.#wake = resolve));
    return this.#parts.shift()();
  }
}

/** A request that a test answers. */
class FakeRequest {
  isAborted = false;

  constructor(url, init, resolve, reject) {
    Object.assign(this, { url, init, resolve, reject });
    init.signal?.addEventListener('abort', () => {
      this.isAborted = true;
      this.answer?.body?.cut(new DOMException('aborted', 'AbortError'));
      reject(new DOMException('aborted', 'AbortError'));
    });
  }

  get json() {
    return JSON.parse(this.init.body);
  }

  /** Answer with these headers, and with all of a body, or with one that goes on. */
  respond(status, body, headers = {}) {
    const stream = new FakeBody();
    this.answer = { status, ok: status >= 200 && status < 300, type: 'cors', headers: new Headers(headers), body: stream };
    this.resolve(this.answer);
    if (body === undefined) return stream;
    stream.push(typeof body === 'string' ? body : JSON.stringify(body));
    stream.end();
    return stream;
  }

  /** What a browser gives a page for a redirect that it asked to see. */
  redirect() {
    this.resolve({ status: 0, ok: false, type: 'opaqueredirect', headers: new Headers(), body: null });
  }

  fail() {
    this.reject(new TypeError('Failed to fetch'));
  }
}

/** A fetch that a test answers: `requests` has what was asked, oldest first. */
export function fakeFetch() {
  const requests = [];
  const fetch = (url, init) =>
    new Promise((resolve, reject) => requests.push(new FakeRequest(url, init, resolve, reject)));
  return { requests, fetch };
}

/** What a transport told, in the order in which it told it. */
export function recorder() {
  const told = [];
  return {
    told,
    get messages() {
      return told.filter(([what]) => what === 'message').map(([, message]) => message);
    },
    get ending() {
      return told.find(([what]) => what === 'end')?.[1];
    },
    onOpen: () => told.push(['open']),
    onMessages: (messages) => told.push(...messages.map((message) => ['message', message])),
    onEnd: (ending) => told.push(['end', ending]),
  };
}

/** A transport that a test answers; `make` is its maker, `made` has all of them. */
export class FakeTransport {
  static made = [];
  static make(target, environment, events) {
    const transport = new FakeTransport(target, events);
    FakeTransport.made.push(transport);
    return transport;
  }

  name = 'websocket';
  hasPings = true;
  sent = [];
  closedWith = null;

  constructor(target, events) {
    this.target = target;
    this.events = events;
  }

  open(first) {
    this.first = first;
  }

  send(commands) {
    this.sent.push(commands);
  }

  close(code, reason) {
    this.closedWith ??= { code, reason };
    this.events.onEnd({ code: code ?? 1000, reason: reason ?? '', wasOpen: true });
  }

  /** Every command that was sent and not yet taken. */
  take() {
    return this.sent.splice(0).flat();
  }

  /** Open, and answer the connect command. */
  connect(reply = {}) {
    this.events.onOpen();
    this.events.onMessages([{ id: this.first[0].id, connect: { client: 'c1', ping: 25, pong: true, ...reply } }]);
  }
}
