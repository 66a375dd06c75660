/** Draws each state once; the address chooses language, colours, width, an open panel and notices. */

import '../../app/holdfast/web/client/codes-rest.js';
import { errorOf } from '../../app/holdfast/web/client/errors.js';
import { loadLanguage } from '../../app/holdfast/web/client/lang/language.js';
import { HoldfastStatus } from '../../app/holdfast/web/client/status/element.js';
import { Toasts } from '../../app/holdfast/web/client/status/toasts.js';

const CID = '4f1c9a7be02d4c55b8a3d2f06e917ab4';
const good = { grade: 'good', reasons: [], rtt: 38, reconnects: 0, uptime: 754_000 };
const reason = (slug, facts) => errorOf({ slug, ...facts });
const waiting = (slug, wait = 8000) => ({ state: 'connecting', reason: reason(slug), wait });
const stopped = (slug) => ({ state: 'disconnected', reason: reason(slug) });

export const STATES = {
  'connected, good': { state: 'connected', transport: 'websocket', quality: good },
  'connected, fair': { state: 'connected', transport: 'websocket', quality: { ...good, grade: 'fair', rtt: 310, reconnects: 1 } },
  'connected, poor': { state: 'connected', transport: 'websocket', quality: { ...good, grade: 'poor', rtt: 1480, reconnects: 4 } },
  'connected by polling': { state: 'connected', transport: 'poll', quality: { ...good, grade: 'fair', rtt: 120 } },
  'first attempt': { state: 'connecting' },
  'cut, trying': { state: 'connecting', reason: reason('connection_cut') },
  'cut, waiting': waiting('connection_cut'),
  'server restarting': waiting('shutdown', 24_000),
  'server unreachable': waiting('server_unreachable', 130_000),
  'captive portal': waiting('captive_portal'),
  'server busy': waiting('overload_cpu'),
  'clock wrong': waiting('clock_wrong'),
  offline: { state: 'connecting', reason: reason('offline'), isOnline: false },
  'session ended': stopped('user_revoked'),
  'signed out elsewhere': stopped('signed_out_elsewhere'),
  'login loop': stopped('login_loop'),
  'too many connections': stopped('connection_limit'),
  'not allowed': stopped('permission_denied_close'),
  'bad token': stopped('token_malformed'),
  'outdated client': stopped('inappropriate_protocol'),
  'disconnected by the page': stopped('disconnect_called'),
};

class MadeUpService extends EventTarget {
  constructor({ wait, isOnline, ...facts }) {
    super();
    this.isOnline = isOnline ?? true;
    const nextAttemptAt = wait === undefined ? null : performance.now() + wait;
    Object.assign(this, { reason: null, transport: null, attempt: CID, quality: null, nextAttemptAt }, facts);
    this.log = { download() {} };
  }

  become(facts) {
    Object.assign(this, facts);
    this.dispatchEvent(new CustomEvent('state'));
  }

  retryNow() {
    this.become({ state: 'connecting', nextAttemptAt: null });
  }

  connect() {
    this.retryNow();
  }
}

const asked = new URL(location.href).searchParams;
const language = await loadLanguage({ language: asked.get('language') ?? 'en' });
document.documentElement.style.colorScheme = asked.get('scheme') ?? 'light';
document.documentElement.lang = language.tag;
document.body.classList.toggle('compact', asked.has('compact'));
if (asked.has('width')) document.body.style.inlineSize = `${asked.get('width') - 32}px`;

for (const [name, facts] of Object.entries(STATES)) {
  const wasConnected = name !== 'first attempt';
  const service = new MadeUpService({ ...facts, state: wasConnected ? 'connected' : facts.state });
  const status = new HoldfastStatus();
  status.environment.isOnline = () => service.isOnline;
  Object.assign(status, { language, service });
  const title = Object.assign(document.createElement('h2'), { textContent: name });
  const cell = document.createElement('section');
  cell.append(title, status);
  document.querySelector('main').append(cell);
  service.become({ state: facts.state });
  if (asked.get('open') === name) requestAnimationFrame(() => status.shadowRoot.querySelector('[popover]').showPopover());
}

if (asked.has('toasts')) {
  const toasts = new Toasts(new MadeUpService(STATES[asked.get('toasts')]), { language });
  toasts.add(reason('clock_wrong'));
  toasts.add(reason('queue_timeout'));
}
