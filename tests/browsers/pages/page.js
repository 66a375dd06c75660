/** What tests drive: a service on `window.service`, and in `window.seen` all that it told. */

import { browserEnvironment } from '/client/environment.js';
import { ResilientWebSocketService } from '/client/index.js';
import { restoreForms } from '/client/tokens/forms.js';
import { loginTokens } from '/client/tokens/login.js';

const seen = { story: [], states: [], publications: [], gaps: [], errors: [], transports: [], logins: [], migrations: 0, faults: [] };
window.seen = seen;

// Nothing of the client may end as a fault that nobody handles.
window.addEventListener('unhandledrejection', (event) => seen.faults.push(String(event.reason)));
window.addEventListener('error', (event) => seen.faults.push(event.message));

async function getToken() {
  const answer = await fetch('/token', { method: 'POST' });
  if (!answer.ok) throw Object.assign(new Error(`the token endpoint answered ${answer.status}`), { status: answer.status });
  return (await answer.json()).token;
}

/** What failures are explained with: one line an event, with its time. */
const note = (name, detail) => seen.story.push(`${Math.round(performance.now())} ${name} ${JSON.stringify(detail)}`);

const told = (error) => error && { slug: error.slug, number: error.number, action: error.action };

restoreForms();

/**
 * Make the service; `share` lets tabs share the fetch of tokens, `login` takes them from the gateway's own login,
 * `chance` is what every draw comes to.
 */
window.start = ({ share, login, chance, ...options } = {}) => {
  window.auth = login ? loginTokens({ url: '/auth', page: '/login' }) : null;
  const source = window.auth?.getToken ?? (share ? Object.assign(getToken, { share }) : getToken);
  const environment = chance === undefined ? {} : { environment: { ...browserEnvironment(), random: () => chance } };
  const service = new ResilientWebSocketService('/connection/websocket', { getToken: source, ...environment, ...options });
  const on = (name, keep = () => {}) =>
    service.addEventListener(name, ({ detail }) => {
      note(name, { ...detail, error: told(detail.error), reason: detail.reason?.slug });
      keep(detail);
    });
  on('connecting');
  on('connected');
  on('state', ({ from, to, reason }) => seen.states.push({ from, to, reason: told(reason) }));
  on('error', ({ error }) => seen.errors.push(told(error)));
  on('transport', (detail) => seen.transports.push(detail));
  on('login', ({ error }) => seen.logins.push(told(error)));
  on('migrated', () => (seen.migrations += 1));
  window.service = service;
  window.auth?.attach(service);
  service.connect();
};

window.follow = async (channel, options) => {
  const subscription = window.service.subscribe(channel, options);
  subscription.addEventListener('publication', ({ detail }) => seen.publications.push(detail.data));
  subscription.addEventListener('gap', ({ detail }) => (note('gap', detail), seen.gaps.push(detail)));
  await subscription.ready();
};
