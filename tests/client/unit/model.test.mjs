/**
 * Random sequences of events against a reference model: whatever server, network, device, user and application do, and
 * in whatever order, some things always hold. A failure names the seed; `SEED=n SEQUENCES=1` runs that one alone.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeWebSocket, seededRandom, settle } from '../fakes.mjs';
import { liveSockets, makeWorld } from '../world.mjs';

const SEQUENCES = Number(process.env.SEQUENCES ?? 300);
const FIRST_SEED = Number(process.env.SEED ?? 1);
const STEPS = 80;
const LIMITS = { minReconnectDelay: 500, maxReconnectDelay: 20_000, stableAfter: 10_000, queueSize: 5, queueTimeout: 30_000 };
const WINDOW = 15_000;
const LEGAL = new Set(['disconnected>connecting', 'connecting>connected', 'connecting>disconnected', 'connected>connecting', 'connected>disconnected']);
/** Causes that leave open whether a message was taken, or are the server's reply; all others promise that it never left. */
const MAYBE_SENT = new Set(['outcome_unknown', 'command_timeout', 'broker_unavailable']);
const CODES = [1000, 1001, 1006, 1006, 1006, 1011, 3001, 3005, 3012, 3500, 3503, 4100, 4500];
const GARBAGE = ['{', '[]', '<html></html>', 'null', '{"id":99999}', '{"id":"x"}', '{"push":5}', '{"push":{"disconnect":{"code":"x"}}}', '\n', '{"strange":1}', '{"push":{"pub":null,"channel":5}}'];

/** What is expected, by rules simple enough to be seen to be right. */
class Model {
  /** @type {Map<number, {outcome: string | null, received: number}>} published messages */
  messages = new Map();
  received = [];
  pushes = [];
  failed = 0;
  /** @type {number | null} */
  connectedAt = null;

  publish(n) {
    this.messages.set(n, { outcome: null, received: 0 });
  }

  receive(n) {
    assert.equal((this.messages.get(n).received += 1), 1, `message ${n} came twice`);
    assert.ok(this.received.every((earlier) => earlier < n), `message ${n} came out of order`);
    this.received.push(n);
  }

  settle(n, outcome) {
    const message = this.messages.get(n);
    assert.equal(message.outcome, null, `message ${n} settled twice`);
    message.outcome = outcome;
    if (outcome === 'taken') assert.equal(message.received, 1, `message ${n} was never received`);
    else if (!MAYBE_SENT.has(outcome)) assert.equal(message.received, 0, `message ${n} was received, yet rejected with ${outcome}`);
  }

  get waiting() {
    return [...this.messages.values()].filter(({ outcome }) => outcome === null).length;
  }
}

/** A token that lives long, another one for each number. */
function token(number) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'HS256' })}.${part({ sub: 'u', jti: number, exp: 9_000_000_000 })}.c2ln`;
}

class Run {
  constructor(seed) {
    this.random = seededRandom(seed);
    this.model = new Model();
    /** @type {{resolve: (token: any) => void, reject: (error: Error) => void}[]} tokens that are being fetched */
    this.asked = [];
    const fetch = () => new Promise((resolve, reject) => this.asked.push({ resolve, reject }));
    const getToken = seed % 2 === 0 ? undefined : Object.assign(fetch, { share: '' });
    this.hasTokens = getToken !== undefined;
    this.world = makeWorld({ ...LIMITS, getToken }, { random: seededRandom(seed + 1_000_000) });
    this.starts = [];
    this.next = 1;
    this.sequence = 0;
    this.told = [];
    this.#watch();
  }

  #watch() {
    const { world, model, starts } = this;
    world.environment.WebSocket = class extends FakeWebSocket {
      constructor(url) {
        super(url);
        starts.push(world.clock.time);
        this.answered = false;
        this.open = [];
        model.failed += 1;
      }
    };
    world.service.addEventListener('state', ({ detail: { from, to } }) => {
      assert.ok(LEGAL.has(`${from}>${to}`), `${from} > ${to}`);
      assert.equal(from, this.state ?? 'disconnected');
      this.state = to;
      this.mayMove = false;
      if (to === 'connected') model.connectedAt = world.clock.time;
      else if (model.connectedAt !== null) {
        if (world.clock.time - model.connectedAt >= LIMITS.stableAfter) model.failed = 0;
        model.connectedAt = null;
      }
    });
    world.service.addEventListener('migrated', () => (model.connectedAt = world.clock.time));
    world.service.addEventListener('message', ({ detail }) => this.told.push(detail.data));
    world.service.addEventListener('connecting', ({ detail }) => this.#checkDelay(detail));
  }

  /** The longest wait is the window, the doubled minimum, the maximum where the device is offline, or what a minute allows. */
  #checkDelay({ attempt, delay }) {
    // An attempt that came to no token has no socket by which it could be counted here.
    if (!this.hasTokens) assert.equal(attempt, this.model.failed + 1, 'attempts since the last stable connection');
    const ceiling = Math.min(LIMITS.maxReconnectDelay, LIMITS.minReconnectDelay * 2 ** Math.max(1, attempt - 1));
    const isFull = this.starts.filter((start) => start > this.world.clock.time - 60_001).length >= 60;
    const longest = Math.max(ceiling, WINDOW, this.world.environment.online ? 0 : LIMITS.maxReconnectDelay, isFull ? 60_001 : 0);
    assert.ok(delay === Infinity || (delay >= 0 && delay <= longest), `a delay of ${delay}, at most ${longest}`);
  }

  pick(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  get socket() {
    return FakeWebSocket.made.at(-1);
  }

  // What can happen.

  #application = {
    connect: () => this.world.service.connect(),
    disconnect: async () => {
      if (this.random() < 0.7) return;
      this.world.service.disconnect();
      await settle();
      assert.equal(this.world.clock.pending, 0, 'timers after disconnect()');
    },
    retryNow: () => this.world.service.retryNow(),
    ready: () => void this.world.service.ready(),
    publish: () => {
      const n = this.sequence++;
      this.model.publish(n);
      this.world.service.publish('a', n).then(
        () => this.model.settle(n, 'taken'),
        (error) => this.model.settle(n, error.slug),
      ).catch((fault) => (this.fault ??= fault));
    },
  };

  #server = {
    accept: () => this.socket?.readyState === 0 && this.socket.accept(),
    connect: () => this.#answerConnect({ connect: { client: 'c', ping: 25, pong: true, holdfast: { reconnect_window_ms: WINDOW } } }),
    refuse: () => this.random() < 0.3 && this.#answerConnect({ error: this.pick([
      { code: 109, message: 'token_expired' }, { code: 100, message: 'broker_unavailable', temporary: true },
      { code: 103, message: 'permission_denied' }, 'nonsense',
    ]) }),
    end: () => this.random() < 0.5 && this.socket?.end(this.pick(CODES), 'reason'),
    disconnect: () => this.#say({ push: { disconnect: { code: this.pick(CODES), reason: 'x' } } }, 0.2),
    ping: () => this.#say({}),
    reply: () => this.#reply(),
    garbage: () => this.socket?.readyState === 1 && this.random() < 0.3 && this.socket.sayText(this.pick(GARBAGE)),
    migrate: () => {
      if (this.random() < 0.3 || this.world.service.state !== 'connected' || liveSockets().length !== 1) return;
      this.mayMove = true;
      this.socket.say({ push: { holdfast: { migrate: { after_ms: this.random() * 2000 } } } });
    },
    token: () => this.asked.shift()?.resolve(this.random() < 0.8 ? token(this.sequence++) : this.pick(['', null, 'a.b', {}])),
    noToken: () => this.random() < 0.3 && this.asked.shift()?.reject(this.pick([
      new TypeError('fetch failed'), Object.assign(new Error('no'), { status: 401 }), 'nonsense',
    ])),
    message: () => {
      if (!this.#isLive() || !this.socket.answered || this.world.service.state !== 'connected') return;
      this.model.pushes.push(this.next);
      this.socket.say({ push: { message: { data: this.next++ } } });
    },
  };

  #device = {
    wait: () => this.world.clock.advance(this.random() * 3000),
    waitLong: () => this.world.clock.advance(this.random() * 60_000),
    waitForTimer: () => this.world.clock.advance(this.world.clock.untilNext ?? 0),
    sleep: () => this.world.clock.sleep(this.random() * 600_000),
    offline: () => this.#page('offline', false),
    online: () => this.#page('online', true),
    hide: () => this.#show('hidden'),
    show: () => this.#show('visible'),
    network: () => {
      this.world.environment.connection.type = this.pick(['wifi', 'cellular']);
      this.world.environment.connection.dispatchEvent(new Event('change'));
    },
    leave: () => this.random() < 0.2 && this.world.environment.page.dispatchEvent(new Event('pagehide')),
    restore: () => this.world.environment.page.dispatchEvent(new Event('pageshow')),
  };

  #isLive() {
    return this.socket?.readyState === 1;
  }

  #say(message, likelihood = 1) {
    if (this.#isLive() && this.random() < likelihood) this.socket.say(message);
  }

  #answerConnect(answer) {
    this.#take();
    const { socket } = this;
    if (!this.#isLive() || socket.connectId === undefined || socket.answered) return;
    socket.answered = true;
    socket.say({ id: socket.connectId, ...answer });
  }

  #reply() {
    this.#take();
    if (!this.#isLive() || this.socket.open.length === 0) return;
    const [{ id, kind }] = this.socket.open.splice(0, 1);
    const fails = kind === 'publish' && this.random() < 0.1;
    this.socket.say(fails ? { id, error: { code: 100, message: 'broker_unavailable', temporary: true } } : { id, [kind]: {} });
  }

  /** What a server reads, reads in order and remembers. */
  #take() {
    for (const socket of FakeWebSocket.made) {
      for (const { id, ...command } of socket.take()) {
        if (command.connect) socket.connectId = id;
        if (command.publish) this.model.receive(command.publish.data);
        if (id && !command.connect) socket.open.push({ id, kind: Object.keys(command)[0] });
      }
    }
  }

  #page(type, isOnline) {
    this.world.environment.online = isOnline;
    this.world.environment.page.dispatchEvent(new Event(type));
  }

  #show(state) {
    this.world.environment.document.visibilityState = state;
    this.world.environment.document.dispatchEvent(new Event('visibilitychange'));
  }

  // What always holds.

  check() {
    this.#take();
    const { world, model } = this;
    const live = liveSockets();
    for (const fault of [...world.environment.faults, this.fault]) if (fault) throw fault;
    assert.ok(live.length <= (this.mayMove ? 2 : 1), `${live.length} live sockets`);
    if (world.service.state === 'disconnected') assert.equal(live.length, 0);
    if (world.service.state === 'connected') assert.ok(live.some(({ answered }) => answered), 'connected to nobody');
    assert.equal(world.service.state, this.state ?? 'disconnected');
    if (world.service.state === 'connected') assert.equal(world.service.reason, null);
    assert.ok(world.clock.pending <= 8 + model.waiting + live.reduce((sum, { open }) => sum + open.length, 0), `${world.clock.pending} timers`);
    const recent = this.starts.filter((start) => start >= world.clock.time - 60_000);
    assert.ok(recent.length <= 60, `${recent.length} attempts in a minute`);
    assert.deepEqual(this.told, model.pushes, 'what the server pushed');
  }

  async step() {
    const kind = this.pick([this.#application, this.#server, this.#server, this.#device]);
    const name = this.pick(Object.keys(kind));
    await kind[name]();
    await settle();
    return name;
  }

  /** Everything fails at once, and everybody is impatient. */
  async storm() {
    const name = this.pick(['connect', 'disconnect', 'retryNow', 'online', 'accept', 'connected', 'end', 'end', 'wait']);
    if (name === 'wait') await this.world.clock.advance(this.random() * 600);
    else if (name === 'connected') this.#server.connect();
    else if (name === 'end') this.socket?.end(1006);
    else await { ...this.#application, ...this.#server, ...this.#device }[name]();
    await settle();
    return name;
  }

  /** In the end everything that was published has one outcome, and nothing runs on. */
  async finish() {
    this.world.service.disconnect();
    await settle();
    this.check();
    await this.world.clock.advance(120_000); // what still fetches a token has a time by which it ends
    assert.equal(this.model.waiting, 0, 'messages without an outcome');
    assert.equal(this.world.clock.pending, 0, 'timers after disconnect()');
  }
}

test(`whatever happens, in ${SEQUENCES} random sequences, what is promised holds`, async () => {
  const unhandled = [];
  const note = (fault) => unhandled.push(fault);
  process.on('unhandledRejection', note);
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEQUENCES; seed += 1) {
    const run = new Run(seed);
    const steps = [];
    try {
      const isStorm = seed % 25 === 0;
      for (let step = 0; step < (isStorm ? 10 * STEPS : STEPS); step += 1) {
        steps.push(await (isStorm ? run.storm() : run.step()));
        run.check();
      }
      await run.finish();
    } catch (fault) {
      fault.message = `seed ${seed}, after ${steps.join(' ')}: ${fault.message}`;
      throw fault;
    }
  }
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);

  assert.deepEqual(unhandled, []);
});
