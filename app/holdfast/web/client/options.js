// @ts-check
/** What an application may choose, what holds where it does not, and the addresses that follow from the one it gave. */

/** @typedef {import('./types.js').ServiceOptions} ServiceOptions */
/** @typedef {import('./types.js').TransportName | 'emulation' | 'explain' | 'logs'} EndpointName */

export const DEFAULTS = {
  tokenIn: /** @type {'connect' | 'url'} */ ('connect'),
  transports: /** @type {import('./types.js').TransportName[]} */ (['websocket', 'http_stream', 'sse', 'poll']),
  name: 'js',
  handshakeTimeout: 10_000,
  connectTimeout: 10_000,
  commandTimeout: 10_000,
  checkTimeout: 4_000,
  minReconnectDelay: 500,
  maxReconnectDelay: 20_000,
  stableAfter: 10_000,
  maxServerPingDelay: 10_000,
  queueSize: 1_000,
  queueTimeout: 30_000,
  maxMessageBytes: 65_536,
  maxChannelLength: 255,
};

/** Where each stands, relative to the WebSocket's address. */
const BESIDE = {
  http_stream: 'http_stream',
  sse: 'sse',
  poll: 'poll',
  explain: 'explain',
  emulation: '../emulation',
  logs: '../client/logs',
};

/**
 * @param {ServiceOptions} options
 * @returns {ServiceOptions & typeof DEFAULTS}
 */
export function withDefaults(options) {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...DEFAULTS, ...Object.fromEntries(given) };
}

/**
 * @param {string} url  of the WebSocket, absolute or relative to the page; http and https will do
 * @param {ServiceOptions} options
 * @param {string} baseUrl
 * @returns {Record<EndpointName, string>}  absolute: ws or wss for `websocket`, http or https for the others
 */
export function endpointsOf(url, { endpoints = {} }, baseUrl) {
  const websocket = new URL(endpoints.websocket ?? url, baseUrl);
  const isSecure = websocket.protocol === 'wss:' || websocket.protocol === 'https:';
  if (!isSecure && websocket.protocol !== 'ws:' && websocket.protocol !== 'http:') {
    throw new TypeError(`expected a ws, wss, http or https address, got ${websocket}`);
  }
  const http = new URL(websocket);
  websocket.protocol = isSecure ? 'wss:' : 'ws:';
  http.protocol = isSecure ? 'https:' : 'http:';
  const all = { websocket: websocket.href };
  for (const [name, path] of Object.entries(BESIDE)) {
    Object.assign(all, { [name]: new URL(endpoints[/** @type {EndpointName} */ (name)] ?? path, http).href });
  }
  return /** @type {Record<EndpointName, string>} */ (all);
}

/**
 * @param {string} endpoint
 * @param {Record<string, string>} query  what is empty is left out
 */
export function withQuery(endpoint, query) {
  const url = new URL(endpoint);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  return url.href;
}
