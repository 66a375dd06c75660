/**
 * Thousands of clients in one process, which check every number that comes; driven line by line, see crowd.py.
 *
 * `ours` are the browser client as it is, `plain` the stock SDK; `ws` stands in for the browser's WebSocket. Each counts
 * as an application would see it: publications, gaps that it is told, why a connection ended.
 */

import { createInterface } from 'node:readline';

import { browserEnvironment } from '../../app/holdfast/web/client/environment.js';
import { ResilientWebSocketService } from '../../app/holdfast/web/client/index.js';
import { Centrifuge } from '../sdk/node_modules/centrifuge/build/index.mjs';
import WebSocket from '../sdk/node_modules/ws/wrapper.mjs';
import { Reader, Tally } from './numbers.mjs';

const TELL_EVERY_MS = 100;
const BEHIND_SHOWN = 5;
const CLEAN = new Set(['disconnect_called', 'disconnect called']);

const tell = (event, more = {}) => process.stdout.write(`${JSON.stringify({ event, ...more })}\n`);
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const tally = new Tally();
/** @type {Record<string, number>} ends of open connections, by reason */
const closes = {};
/** @type {Record<string, number>} what a client or a subscription called an error */
const errors = {};
/** @type {number[]} when a handshake began, in milliseconds of the clock */
const handshakes = [];
/** @type {number[]} how long those that lost their connection were without one, in milliseconds */
const away = [];
/** @type {Record<string, number[]>} milliseconds from publisher to reader, by phase */
const latencies = {};
let phase = '';
let migrations = 0;

const count = (table, name) => (table[name] = (table[name] ?? 0) + 1);

class CountedWebSocket extends WebSocket {
  constructor(...given) {
    super(...given);
    handshakes.push(Date.now());
  }
}

/** One client: its readers, and since when it has no connection. */
class Member {
  /** @type {Map<string, Reader>} */
  readers = new Map();
  socket = null;
  /** @type {{state: string}[]} */
  subscriptions = [];
  #isConnected = false;
  #lostAt = null;

  constructor(config, index) {
    const member = this;
    this.channels = Array.from(
      { length: config.channels_each },
      (_, which) => config.channels[(index * config.channels_each + which) % config.channels.length],
    );
    this.WebSocket = class extends CountedWebSocket {
      constructor(...given) {
        super(...given);
        member.socket = this;
      }
    };
  }

  get isWhole() {
    return this.#isConnected && this.subscriptions.every(({ state }) => state === 'subscribed');
  }

  /** A subscription goes on, from `offset` where it is the first time. */
  subscribed(channel, offset) {
    if (!this.readers.has(channel)) this.readers.set(channel, new Reader(tally, offset));
  }

  connected() {
    if (this.#lostAt !== null) away.push(Date.now() - this.#lostAt);
    this.#lostAt = null;
    this.#isConnected = true;
  }

  /** A connection ended, or an attempt, which is no loss to anybody. */
  ended(reason) {
    if (CLEAN.has(reason)) return;
    if (!this.#isConnected) return count(errors, `attempt: ${reason}`);
    count(closes, reason);
    this.#isConnected = false;
    this.#lostAt = Date.now();
  }

  publication(channel, { number, at }) {
    if (!this.readers.has(channel)) this.subscribed(channel, number - 1);
    this.readers.get(channel).take(number);
    if (phase) (latencies[phase] ??= []).push(Date.now() - at);
  }

  gap(channel) {
    this.readers.get(channel)?.tell();
  }

  /** For people who look for the cause of a fault. */
  whereabouts(last) {
    const of = (channel, which) =>
      `${channel} at ${this.readers.get(channel)?.last} of ${last[channel]}, ${this.subscriptions[which].state}`;
    return `${this.#isConnected ? 'connected' : 'away'}: ${this.channels.map(of).join('; ')}`;
  }

  hasReached(last) {
    return this.channels.every((channel) => this.readers.get(channel)?.hasReached(last[channel] ?? 0));
  }
}

function ours(config, member, token) {
  const environment = {
    ...browserEnvironment(),
    WebSocket: member.WebSocket,
    page: new EventTarget(),
    BroadcastChannel: undefined, // each is a browser of its own
    locks: undefined,
  };
  const service = new ResilientWebSocketService(config.url, { token, transports: ['websocket'], environment });
  service.addEventListener('connected', () => member.connected());
  service.addEventListener('disconnected', ({ detail }) => member.ended(detail.error.slug));
  service.addEventListener('migrated', () => (migrations += 1));
  service.addEventListener('error', ({ detail }) => count(errors, detail.error.slug));
  for (const channel of member.channels) {
    const subscription = service.subscribe(channel);
    member.subscriptions.push(subscription);
    subscription.addEventListener('state', ({ detail }) => {
      if (detail.to === 'subscribed') member.subscribed(channel, subscription.position?.offset ?? null);
      else if (detail.reason) count(errors, `${detail.to}: ${detail.reason.slug}`);
    });
    subscription.addEventListener('publication', ({ detail }) => member.publication(channel, detail.data));
    subscription.addEventListener('gap', () => member.gap(channel));
    subscription.addEventListener('error', ({ detail }) => count(errors, detail.error.slug));
  }
  return service;
}

function plain(config, member, token) {
  const client = new Centrifuge(config.url, { token, websocket: member.WebSocket });
  client.on('connected', () => member.connected());
  // The first time it has not lost anything.
  client.on('connecting', ({ code, reason }) => code !== 0 && member.ended(reason));
  client.on('disconnected', ({ reason }) => member.ended(reason));
  client.on('error', ({ error }) => count(errors, error.message));
  for (const channel of member.channels) {
    const subscription = client.newSubscription(channel);
    member.subscriptions.push(subscription);
    subscription.on('subscribed', ({ wasRecovering, recovered, streamPosition }) => {
      if (wasRecovering && !recovered) member.gap(channel);
      member.subscribed(channel, streamPosition?.offset ?? null);
    });
    subscription.on('subscribing', ({ code, reason }) => code > 1 && count(errors, `subscribing: ${reason}`));
    subscription.on('unsubscribed', ({ reason }) => count(errors, `unsubscribed: ${reason}`));
    subscription.on('publication', ({ data }) => member.publication(channel, data));
    subscription.on('error', ({ error }) => count(errors, error.message));
    subscription.subscribe();
  }
  return client;
}

const KINDS = { ours, plain };
let config;
/** @type {Member[]} */
const members = [];
const clients = [];

/** Wait until all members are so; tells how far they are when the patience has gone. */
async function until(isSo, seconds) {
  const deadline = Date.now() + seconds * 1000;
  while (Date.now() < deadline && !members.every(isSo)) await wait(TELL_EVERY_MS);
  return members.filter((member) => !isSo(member)).length;
}

const COMMANDS = {
  async open(given) {
    config = given;
    for (let index = 0; index < config.clients; index += 1) {
      const member = new Member(config, index);
      const client = KINDS[config.kind](config, member, config.tokens[index % config.tokens.length]);
      members.push(member);
      clients.push(client);
      client.connect();
      if (index % config.at_once === config.at_once - 1) await wait((1000 * config.at_once) / config.per_second);
    }
    tell('opened');
  },
  /** `left` are not connected and subscribed after a while. */
  async settle({ patience }) {
    tell('settled', { left: await until((member) => member.isWhole, patience) });
  },
  phase: ({ name }) => (phase = name),
  /** They read nothing any more, though their connections stay. */
  pause() {
    for (const { socket } of members) socket.pause();
    tell('paused');
  },
  resume() {
    for (const { socket } of members) if (socket.isPaused) socket.resume();
    tell('resumed');
  },
  async end({ last, patience }) {
    const left = await until((member) => member.hasReached(last), patience);
    // What comes twice may still be on its way.
    await wait(500);
    const late = members.filter((member) => !member.hasReached(last)).slice(0, BEHIND_SHOWN);
    const behind = late.map((member) => member.whereabouts(last));
    for (const member of members) for (const channel of member.channels) endOf(member, channel, last);
    const sizes = { clients: members.length, left, behind, migrations };
    tell('summary', { ...tally, ...sizes, closes, errors, handshakes, away, latencies: quantilesOf(latencies) });
    for (const client of clients) client.disconnect();
    await wait(200);
    process.exit(0);
  },
};

function endOf(member, channel, last) {
  (member.readers.get(channel) ?? new Reader(tally, 0)).end(last[channel] ?? 0);
}

function quantilesOf(phases) {
  const of = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
  const row = (all) => {
    const sorted = Float64Array.from(all).sort();
    return { count: sorted.length, p50: of(sorted, 0.5), p99: of(sorted, 0.99), max: of(sorted, 1) };
  };
  return Object.fromEntries(Object.entries(phases).map(([name, all]) => [name, row(all)]));
}

process.on('unhandledRejection', (fault) => tell('fault', { what: String(fault?.stack ?? fault) }));
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { do: command, ...given } = JSON.parse(line);
    COMMANDS[command](given);
  })
  .on('close', () => process.exit(0));
