import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULTS, endpointsOf, withDefaults, withQuery } from '../../../app/holdfast/web/client/options.js';

const BASE = 'https://app.example/page';

test('what is not given has its default, undefined too', () => {
  const options = withDefaults({ queueSize: 5, commandTimeout: undefined });

  assert.deepEqual([options.queueSize, options.commandTimeout], [5, DEFAULTS.commandTimeout]);
});

test('a relative address is the page\'s, and the others stand beside it', () => {
  const endpoints = endpointsOf('/live/connection/websocket', {}, BASE);

  assert.deepEqual(endpoints, {
    websocket: 'wss://app.example/live/connection/websocket',
    http_stream: 'https://app.example/live/connection/http_stream',
    sse: 'https://app.example/live/connection/sse',
    poll: 'https://app.example/live/connection/poll',
    explain: 'https://app.example/live/connection/explain',
    emulation: 'https://app.example/live/emulation',
    logs: 'https://app.example/live/client/logs',
  });
});

test('any of ws, wss, http and https will do', () => {
  for (const scheme of ['ws', 'http']) {
    const endpoints = endpointsOf(`${scheme}://a.example:8000/connection/websocket`, {}, BASE);

    assert.equal(endpoints.websocket, 'ws://a.example:8000/connection/websocket');
    assert.equal(endpoints.poll, 'http://a.example:8000/connection/poll');
  }
  assert.throws(() => endpointsOf('ftp://a.example/', {}, BASE), TypeError);
  assert.throws(() => endpointsOf('https://', {}, BASE), TypeError);
});

test('an address of its own goes first', () => {
  const endpoints = endpointsOf('/connection/websocket', { endpoints: { poll: 'https://b.example/p' } }, BASE);

  assert.equal(endpoints.poll, 'https://b.example/p');
});

test('a token is encoded for the query, and what is empty is left out', () => {
  const token = 'a+b/c=&d e#';
  const url = new URL(withQuery('wss://a.example/c?x=1', { cid: 'ab', token }));

  assert.equal(url.searchParams.get('token'), token);
  assert.equal(url.searchParams.get('x'), '1');
  assert.equal(withQuery('wss://a.example/c', { token: '' }), 'wss://a.example/c');
});
