// @ts-check
/** What the protocol says, in the words and shapes that an application gets. Pure. */

/** @typedef {import('./types.js').Publication} Publication */

/** @typedef {{user: string, client: string, connInfo?: any, chanInfo?: any}} ClientInfo */

/** @param {any} info  of a client, as it comes @returns {ClientInfo} */
export function infoOf(info) {
  return {
    user: String(info?.user ?? ''),
    client: String(info?.client ?? ''),
    ...(info?.conn_info === undefined ? {} : { connInfo: info.conn_info }),
    ...(info?.chan_info === undefined ? {} : { chanInfo: info.chan_info }),
  };
}

/** @param {string} channel @param {any} publication  as it comes @returns {Publication} */
export function publicationOf(channel, publication) {
  const { data, offset, tags, info } = publication ?? {};
  return {
    channel,
    data,
    ...(offset === undefined ? {} : { offset }),
    ...(tags === undefined ? {} : { tags }),
    ...(info === undefined ? {} : { info: infoOf(info) }),
  };
}
