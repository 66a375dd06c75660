// @ts-check
/**
 * The parts that a page needs no connection for, or not at once. They are fetched when there is time, so that they are
 * there when the network is not; whoever asks for one goes on without it where it cannot be had.
 */

import { errorOf } from './errors.js';
import { within } from './timer.js';

/**
 * @typedef {object} Modules
 * @property {typeof import('./transports/outcomes.js')} outcomes
 * @property {typeof import('./explain.js')} explain
 * @property {typeof import('./health.js')} health
 * @property {typeof import('./moving.js')} moving
 * @property {typeof import('./network.js')} network
 * @property {typeof import('./shapes.js')} shapes
 * @property {typeof import('./snapshot.js')} snapshot
 * @property {typeof import('./subscription-token.js')} subscriptionToken
 * @property {typeof import('./renewal.js')} renewal
 * @property {typeof import('./tokens/tabs.js')} tabs
 * @property {typeof import('./advice.js')} advice
 * @property {any} http_stream
 * @property {any} sse
 * @property {any} poll
 */

/** Written out twice: bundlers go by the import, a second try by the address. @type {Record<keyof Modules, [file: string, load: () => Promise<any>]>} */
const PARTS = {
  outcomes: ['./transports/outcomes.js', () => import('./transports/outcomes.js')],
  explain: ['./explain.js', () => import('./explain.js')],
  health: ['./health.js', () => import('./health.js')],
  moving: ['./moving.js', () => import('./moving.js')],
  network: ['./network.js', () => import('./network.js')],
  subscriptionToken: ['./subscription-token.js', () => import('./subscription-token.js')],
  shapes: ['./shapes.js', () => import('./shapes.js')],
  snapshot: ['./snapshot.js', () => import('./snapshot.js')],
  renewal: ['./renewal.js', () => import('./renewal.js')],
  tabs: ['./tokens/tabs.js', () => import('./tokens/tabs.js')],
  advice: ['./advice.js', () => import('./advice.js')],
  http_stream: ['./transports/http-stream.js', () => import('./transports/http-stream.js')],
  sse: ['./transports/sse.js', () => import('./transports/sse.js')],
  poll: ['./transports/poll.js', () => import('./transports/poll.js')],
};

/** Who can go on without a part waits so long for it. */
const PATIENCE_MS = 2_000;

/** What is here. @type {Partial<Modules>} */
export const loaded = {};

/** @type {Map<keyof Modules, Promise<any>>} */
const loading = new Map();

/** @type {Map<keyof Modules, number>} */
const failures = new Map();

/**
 * @template {keyof Modules} Name
 * @param {Name} name
 * @param {(address: string) => Promise<any>} [importFile]
 * @returns {Promise<Modules[Name]>} rejects with `import_failed`, which may pass
 */
export function load(name, importFile) {
  const known = loading.get(name);
  if (known) return known;
  const [file, first] = PARTS[name];
  const failed = failures.get(name) ?? 0;
  // Browsers keep a failed import for as long as the page lives, by its address.
  const address = failed === 0 ? file : `${new URL(file, import.meta.url)}?again=${failed}`;
  const coming = (importFile ? importFile(address) : failed === 0 ? first() : import(address)).then(
    (module) => (loaded[name] = module),
    (error) => {
      failures.set(name, failed + 1);
      loading.delete(name);
      throw errorOf({ slug: 'import_failed', detail: `${name}: ${error}` });
    },
  );
  loading.set(name, coming);
  return coming;
}

/**
 * Work with a part: at once where it is here, else when it has come, if it comes.
 * @template {keyof Modules} Name
 * @param {Name} name
 * @param {(module: Modules[Name]) => void} work
 */
export function use(name, work) {
  const module = loaded[name];
  if (module) work(module);
  else load(name).then(work).catch(() => {}); // nor does what it makes of a server's nonsense matter to anybody else
}

/** Wait until a part is here, but not for long. @param {keyof Modules} name @param {import('./types.js').Environment} environment @param {AbortSignal} signal  nobody waits any more */
export async function soon(name, environment, signal) {
  if (loaded[name] || signal.aborted) return;
  await within(environment, PATIENCE_MS, load(name), { slug: 'import_failed' }, signal).catch(() => {});
}

/** Fetch what may be needed when nothing can be fetched. */
export async function prefetch() {
  const names = /** @type {(keyof Modules)[]} */ (Object.keys(PARTS));
  // One after the other: the page may have better things to load. What does not come is asked for again when it is needed.
  for (const name of names) await load(name).catch(() => {});
}
