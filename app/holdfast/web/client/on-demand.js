// @ts-check
/**
 * The parts that a page needs no connection for, or not at once. They are fetched when there is time, so that they are
 * there when the network is not; whoever asks for one goes on without it where it cannot be had.
 */

import { errorOf } from './errors.js';
import { within } from './timer.js';

/**
 * By their paths.
 * @typedef {{
 *   'transports/outcomes': typeof import('./transports/outcomes.js'),
 *   explain: typeof import('./explain.js'),
 *   health: typeof import('./health.js'),
 *   moving: typeof import('./moving.js'),
 *   network: typeof import('./network.js'),
 *   'subscription-token': typeof import('./subscription-token.js'),
 *   shapes: typeof import('./shapes.js'),
 *   snapshot: typeof import('./snapshot.js'),
 *   renewal: typeof import('./renewal.js'),
 *   'tokens/tabs': typeof import('./tokens/tabs.js'),
 *   advice: typeof import('./advice.js'),
 *   'transports/http-stream': any,
 *   'transports/sse': any,
 *   'transports/poll': any,
 * }} Modules
 */

/** Bundlers go by what is imported here, a second try by the path. @type {Record<keyof Modules, () => Promise<any>>} */
const PARTS = {
  advice: () => import('./advice.js'),
  explain: () => import('./explain.js'),
  health: () => import('./health.js'),
  moving: () => import('./moving.js'),
  network: () => import('./network.js'),
  renewal: () => import('./renewal.js'),
  shapes: () => import('./shapes.js'),
  snapshot: () => import('./snapshot.js'),
  'subscription-token': () => import('./subscription-token.js'),
  'tokens/tabs': () => import('./tokens/tabs.js'),
  'transports/http-stream': () => import('./transports/http-stream.js'),
  'transports/outcomes': () => import('./transports/outcomes.js'),
  'transports/poll': () => import('./transports/poll.js'),
  'transports/sse': () => import('./transports/sse.js'),
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
  const failed = failures.get(name) ?? 0;
  // Browsers keep a failed import for as long as the page lives, by its address.
  const file = `./${name}.js`;
  const address = `${new URL(file, import.meta.url)}?again=${failed}`;
  const coming = (importFile ? importFile(address) : failed === 0 ? PARTS[name]() : import(address)).then(
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
