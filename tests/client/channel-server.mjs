/** A simulated server of channels and the sessions to it, for tests of subscriptions: no socket, a test's own clock. */

import { errorOf } from '../../app/holdfast/web/client/errors.js';

let lastCid = 0;

/** Channels with offsets and a history of a few publications, or with neither. */
export class ChannelServer {
  channels = new Map();
  sessions = new Set();
  /** Every publication ever: {channel, epoch, offset, data}. */
  all = [];
  /** Refusals to come: {channel, code, message, temporary}, each once. */
  refusals = [];
  /** Called with each subscribe command that came. */
  onSubscribe = () => {};
  served = [];
  epochs = 0;

  constructor(environment, { historySize = 20, latency = () => 5 } = {}) {
    Object.assign(this, { environment, historySize, latency });
  }

  channel(name) {
    if (!this.channels.has(name)) {
      this.channels.set(name, { name, hasHistory: !name.startsWith('plain'), epoch: `e${++this.epochs}`, offset: 0, history: [] });
    }
    return this.channels.get(name);
  }

  publish(name, data, { isLost = () => false } = {}) {
    const channel = this.channel(name);
    const publication = { data };
    if (channel.hasHistory) publication.offset = ++channel.offset;
    this.all.push({ channel: name, epoch: channel.epoch, offset: publication.offset, data });
    channel.history.push(publication);
    if (channel.history.length > this.historySize) channel.history.shift();
    for (const session of this.sessions) {
      if (session.channels.has(name) && !isLost()) session.tell({ push: { channel: name, pub: publication } });
    }
  }

  /** The stream begins anew, as behind a broker that lost it. */
  restart(name) {
    Object.assign(this.channel(name), { epoch: `e${++this.epochs}`, offset: 0, history: [] });
    this.unsubscribe(name, 2500, 'subscription_insufficient_state');
  }

  /** The server ends a subscription. */
  unsubscribe(name, code, reason) {
    for (const session of this.sessions) {
      if (session.channels.delete(name)) session.tell({ push: { channel: name, unsubscribe: { code, reason } } });
    }
  }

  connect(hooks, subs = {}) {
    const session = new ChannelSession(this, hooks);
    this.sessions.add(session);
    session.begin(subs);
    return session;
  }

  /** The result of a subscribe command. */
  join({ channel: name, recover, recoverable, epoch, offset = 0 }) {
    const channel = this.channel(name);
    if (!channel.hasHistory || !recoverable) return {};
    const result = { recoverable: true, positioned: true, epoch: channel.epoch, offset: channel.offset };
    if (!recover) return result;
    result.was_recovering = true;
    const missed = channel.history.filter((one) => one.offset > offset);
    const isWhole = (!epoch || epoch === channel.epoch) && missed.length === channel.offset - offset;
    return isWhole ? { ...result, recovered: true, offset, publications: missed } : result;
  }

  answer(session, method, params) {
    if (method === 'subscribe') return this.#subscribe(session, params);
    if (method === 'unsubscribe') session.channels.delete(params.channel);
    if (method === 'sub_refresh') return { expires: true, ttl: 60 };
    return {};
  }

  #subscribe(session, params) {
    this.onSubscribe(params, session);
    const index = this.refusals.findIndex((one) => one.channel === params.channel && (one.session ?? session) === session);
    if (index >= 0) return { error: this.refusals.splice(index, 1)[0] };
    if (session.channels.has(params.channel)) return { error: { code: 105, message: 'already_subscribed' } };
    session.channels.add(params.channel);
    return this.join(params);
  }
}

/** A SessionLike: in order both ways, late by the server's latency; what is under way at its end is lost. */
class ChannelSession {
  transport = 'websocket';
  isConnected = false;
  hasEnded = false;
  client = '';
  channels = new Set();
  /** Frames that the client sent: lists of commands. */
  frames = [];
  #server;
  #hooks;
  #pending = new Map();
  #lastId = 0;
  #frame = null;
  #down = 0;
  #up = 0;
  #batch = null;

  constructor(server, hooks) {
    this.#server = server;
    this.#hooks = hooks;
    this.cid = `cid${++lastCid}`;
  }

  get inFlight() {
    return this.#pending.size;
  }

  begin(positions) {
    this.#send(() => {
      const served = Object.fromEntries(this.#server.served.map((channel) => {
        this.channels.add(channel);
        return [channel, this.#server.join({ channel, recoverable: true, ...positions[channel] })];
      }));
      this.tell({ connect: { client: this.cid, subs: served } });
    });
  }

  request(method, params) {
    if (!this.isConnected) return Promise.reject(errorOf({ slug: 'outcome_unknown', kind: 'client' }));
    const id = ++this.#lastId;
    const command = { id, [method]: params };
    if (this.#frame) this.#frame.push(command);
    else this.frames.push([command]);
    const reply = new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    reply.catch(() => {});
    this.#send(() => {
      const { error, ...result } = this.#server.answer(this, method, params);
      this.tell(error ? { id, error } : { id, result });
    });
    return reply;
  }

  notify() {}

  together(work) {
    this.#frame = [];
    work();
    if (this.#frame.length > 0) this.frames.push(this.#frame);
    this.#frame = null;
  }

  close(code = 1000) {
    this.end(code);
  }

  end(code = 1006) {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.isConnected = false;
    this.#server.sessions.delete(this);
    for (const { reject } of this.#pending.values()) reject(errorOf({ slug: 'outcome_unknown', kind: 'client' }));
    this.#pending.clear();
    this.#hooks.onEnded(this, code);
  }

  /** To the client; what is told in one moment comes in one frame. */
  tell(message) {
    const { environment, latency } = this.#server;
    const at = Math.max(this.#down, environment.now() + latency());
    if (this.#batch !== null && at === this.#down) {
      this.#batch.push(message);
      return;
    }
    this.#down = at;
    const batch = (this.#batch = [message]);
    environment.setTimer(() => {
      if (this.#batch === batch) this.#batch = null;
      for (const one of batch) if (!this.hasEnded) this.#read(one);
    }, at - environment.now());
  }

  #send(act) {
    const { environment, latency } = this.#server;
    this.#up = Math.max(this.#up, environment.now() + latency());
    environment.setTimer(() => this.hasEnded || act(), this.#up - environment.now());
  }

  #read({ id, connect, push, error, result }) {
    if (connect) {
      this.isConnected = true;
      this.client = connect.client;
      this.#hooks.onConnected(this, connect);
    } else if (push) this.#hooks.onPush(this, push);
    else {
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (error) pending?.reject(errorOf({ kind: 'error', code: error.code, reason: error.message, temporary: error.temporary === true }));
      else pending?.resolve(result);
    }
  }
}
