/**
 * The client in Node against a real gateway, driven line by line: JSON commands on standard input, what happens on
 * standard output. `ws` of tests/sdk stands in for the browser's WebSocket.
 */
import { createInterface } from 'node:readline';
import { ResilientWebSocketService } from '../../app/holdfast/web/client/index.js';
import { browserEnvironment } from '../../app/holdfast/web/client/environment.js';
import WebSocket from '../sdk/node_modules/ws/wrapper.mjs';

const EVENTS = ['state', 'connecting', 'connected', 'disconnected', 'message', 'error', 'login', 'transport', 'migrated', 'round_trip', 'quality', 'level'];
const OF_SUBSCRIPTIONS = ['state', 'publication', 'gap', 'error'];

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const plain = (_key, value) => (value instanceof Error ? { slug: value.slug, message: value.message } : value);
const tellEvent = (event, detail, more = {}) => tell(JSON.parse(JSON.stringify({ event, ...more, ...detail }, plain)));

let service;
let asked = null;

/** The test is the login: it is asked for each token. */
const getToken = ({ reason }) => {
  tell({ event: 'token_wanted', reason });
  return new Promise((resolve) => (asked = resolve));
};

const page = new EventTarget();
const environment = { ...browserEnvironment(), WebSocket, page };

const COMMANDS = {
  make({ url, asks, ...options }) {
    service = new ResilientWebSocketService(url, { ...options, environment, ...(asks && { getToken }) });
    for (const name of EVENTS) service.addEventListener(name, ({ detail }) => tellEvent(name, detail));
  },
  connect: () => service.connect(),
  disconnect: () => service.disconnect(),
  page: ({ type }) => page.dispatchEvent(new Event(type)),
  token: ({ token }) => asked?.(token),
  quality: () => tell({ event: 'quality_now', ...service.quality }),
  subscribe({ channel, options }) {
    const subscription = service.subscribe(channel, options);
    for (const name of OF_SUBSCRIPTIONS) {
      subscription.addEventListener(name, ({ detail }) => tellEvent(`sub_${name}`, detail, { channel }));
    }
  },
  publish: ({ channel, data }) =>
    service.publish(channel, data).then(
      () => tell({ event: 'published', data }),
      ({ slug, message }) => tell({ event: 'not_published', data, slug, message }),
    ),
};

process.on('unhandledRejection', (fault) => tell({ event: 'unhandled', message: String(fault?.stack ?? fault) }));
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { do: name, ...parameters } = JSON.parse(line);
    COMMANDS[name](parameters);
  })
  .on('close', () => process.exit(0));
