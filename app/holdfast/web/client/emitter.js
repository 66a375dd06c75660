// @ts-check
/** An EventTarget whose listeners cannot break what tells them: what they throw is handed to the owner. */

import { errorOf } from './errors.js';

/** @template {object} Events  by name, the `detail` of each */
export class Emitter extends EventTarget {
  /** @type {WeakMap<object, (event: any) => Promise<void>>} */
  #guarded = new WeakMap();
  #onFault;

  /** @param {(fault: unknown, event: string) => void} onFault  a listener threw, or the promise that it returned was rejected */
  constructor(onFault) {
    super();
    this.#onFault = onFault;
  }

  /**
   * @template {keyof Events & string} Name
   * @param {Name} name
   * @param {import('./types.js').Listener<Events[Name]>} listener
   * @param {boolean | AddEventListenerOptions} [options]
   */
  addEventListener(name, listener, options) {
    super.addEventListener(name, listener && this.#guard(listener), options);
  }

  /**
   * @template {keyof Events & string} Name
   * @param {Name} name
   * @param {import('./types.js').Listener<Events[Name]>} listener
   * @param {boolean | EventListenerOptions} [options]
   */
  removeEventListener(name, listener, options) {
    super.removeEventListener(name, listener && this.#guard(listener), options);
  }

  /** @param {string} name @param {object} detail */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** The same guard for the same listener, so that it counts as one. @param {any} listener */
  #guard(listener) {
    const known = this.#guarded.get(listener);
    if (known) return known;
    const guarded = async (/** @type {any} */ event) => {
      try {
        await (typeof listener === 'function' ? listener.call(this, event) : listener.handleEvent(event));
      } catch (fault) {
        this.#onFault(fault, event.type);
      }
    };
    this.#guarded.set(listener, guarded);
    return guarded;
  }
}

/**
 * @param {Emitter<{state: any}> & {state: string, reason: import('./errors.js').HoldfastError | null}} emitter  whose `state` events tell
 * @param {string} pending  the state to wait in
 * @param {string} wanted
 * @param {string} slug  of the error, where there is no reason
 * @returns {Promise<void>} rejects where another state comes
 */
export function ready(emitter, pending, wanted, slug) {
  return quiet(
    new Promise((resolve, reject) => {
      const look = () => {
        if (emitter.state === pending) return;
        emitter.removeEventListener('state', look);
        if (emitter.state === wanted) resolve();
        else reject(emitter.reason ?? errorOf({ slug }));
      };
      emitter.addEventListener('state', look);
      look();
    }),
  );
}

/** Whoever ignores a promise must not find it among the unhandled. @template T @param {Promise<T>} promise */
export function quiet(promise) {
  promise.catch(() => {});
  return promise;
}
