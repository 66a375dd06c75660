// @ts-check
/** What commands bring that ask about a channel, in the shapes that an application gets, by method. Loaded on demand. */

import { infoOf, publicationOf } from './wire.js';

export const shapes = {
  /** @param {any} result @param {string} channel @returns {{publications: import('./types.js').Publication[], offset: number, epoch: string}} */
  history(result, channel) {
    const publications = (result.publications ?? []).map((/** @type {any} */ one) => publicationOf(channel, one));
    return { publications, offset: Number(result.offset ?? 0), epoch: String(result.epoch ?? '') };
  },

  /** @param {any} result @returns {Record<string, import('./wire.js').ClientInfo>} by client */
  presence(result) {
    return Object.fromEntries(Object.entries(result.presence ?? {}).map(([client, info]) => [client, infoOf(info)]));
  },

  /** @param {any} result */
  presence_stats(result) {
    return { numClients: Number(result.num_clients ?? 0), numUsers: Number(result.num_users ?? 0) };
  },
};
