// @ts-check
/**
 * Whether it is the address that is wrong, when a gateway does not answer: another path, another server, the wrong scheme.
 * What a page can find out of that, and no more. Loaded on demand.
 */

import { isHtml, isLocal, parsed } from './http.js';
import { discard, textOf } from './transports/answers.js';

/** @typedef {(url: string, init?: RequestInit) => Promise<Response>} Look */

/**
 * Whether there is no gateway at the WebSocket's own address either: one that is there takes only handshakes, and says so.
 * @param {string} websocket @param {Look} look
 */
export async function isMisplaced(websocket, look) {
  const response = await look(websocket.replace(/^ws/, 'http'));
  discard(response);
  return response.status === 404 || (response.ok && isHtml(response));
}

/**
 * Whether the scheme is why HTTP does not get through.
 * @param {string} address  that was asked in vain @param {string} page  where from @param {Look} look
 * @returns {Promise<string>} a slug, or nothing
 */
export async function schemeFault(address, page, look) {
  const url = new URL(address);
  const isSecure = url.protocol === 'https:';
  if (!isSecure && page.startsWith('https:')) return isLocal(address) ? '' : 'mixed_content';
  if (isSecure && !url.port) return ''; // what answers at port 80 says nothing of port 443
  url.protocol = isSecure ? 'http:' : 'https:';
  try {
    // Without encryption only a gateway's own answer counts: servers with TLS say something to plain HTTP as well.
    if (isSecure) return typeof parsed(await textOf(await look(url.href)))?.slug === 'string' ? 'tls_not_spoken' : '';
    await look(url.href, { mode: 'no-cors', redirect: 'follow' });
    return 'tls_required';
  } catch {
    return '';
  }
}
