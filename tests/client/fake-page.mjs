/** A page with subscriptions: what a service does for them, without the service; the server is simulated. */

import { Commands } from '../../app/holdfast/web/client/commands.js';
import { Migration } from '../../app/holdfast/web/client/migration.js';
import { Subscriptions } from '../../app/holdfast/web/client/subscriptions.js';
import { ChannelServer } from './channel-server.mjs';
import { fakeEnvironment } from './fakes.mjs';

/** What a service does for its subscriptions, without the service. */
export function page({ server: serverOptions, environment = fakeEnvironment(), reconnectDelay = () => 100 } = {}) {
  const server = new ChannelServer(environment, serverOptions);
  const told = [];
  const it = { environment, server, told, logged: [], session: null, reconnects: 0 };
  const log = Object.fromEntries(
    ['debug', 'info', 'warning', 'error'].map((level) => [level, (event, fields) => it.logged.push({ level, event, ...fields })]),
  );
  it.subscriptions = new Subscriptions({
    environment,
    log,
    emit: (name, detail) => {
      told.push({ name, ...detail });
      it.onEmit?.(name, detail);
    },
    session: () => it.session,
    commands: new Commands((method, params) => it.session.request(method, params), { maxMessageBytes: 65_536, maxChannelLength: 255 }),
  });
  const hooks = {
    onConnected: (session, reply) => {
      if (session === it.session) session.together(() => it.subscriptions.onConnected(session, reply));
    },
    onPush: (session, push) => it.subscriptions.onPush(session, push),
    onEnded: (session) => {
      it.migration.onEnded(session);
      it.subscriptions.onEnded(session);
      if (session === it.session && !it.isStopped) {
        it.reconnects += 1;
        it.session = null;
        environment.setTimer(it.connect, reconnectDelay());
      }
    },
  };
  it.connect = () => {
    it.session = server.connect(hooks, it.subscriptions.connectSubs());
  };
  it.openSecond = () =>
    new Promise((resolve, reject) => {
      const second = {
        ...hooks,
        onConnected: (session, reply) => resolve({ session, reply }),
        onEnded: (session) => {
          reject(new Error('ended'));
          hooks.onEnded(session);
        },
      };
      server.connect(second, it.subscriptions.connectSubs());
    });
  it.migration = new Migration({
    environment,
    log,
    subscriptions: it.subscriptions,
    openSession: () => it.openSecond(),
    adopt: (session) => {
      it.session = session;
    },
    current: () => it.session,
  });
  it.pass = (milliseconds) => environment.clock.advance(milliseconds);
  return it;
}

/** Keep what a subscription tells. */
export function listen(subscription) {
  const events = [];
  for (const name of ['publication', 'gap', 'state', 'error', 'sync', 'join', 'leave']) {
    subscription.addEventListener(name, ({ detail }) => events.push({ name, ...detail }));
  }
  events.of = (name) => events.filter((event) => event.name === name);
  events.data = () => events.of('publication').map(({ data }) => data);
  return events;
}

/** A page that is connected and subscribed. */
export async function subscribed(it, channel, options) {
  const subscription = it.subscriptions.add(channel, options);
  const events = listen(subscription);
  subscription.subscribe();
  if (!it.session) it.connect();
  await it.pass(100);
  return { subscription, events };
}
