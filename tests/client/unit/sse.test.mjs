import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sseTransport } from '../../../app/holdfast/web/client/transports/sse.js';
import { FakeEventSource, fakeEnvironment, fakeFetch, recorder, settle } from '../fakes.mjs';

const TARGET = {
  url: 'https://app.example/connection/sse?cid=1',
  emulationUrl: 'https://app.example/emulation',
  handshakeTimeout: 5000,
};
const REPLY = { id: 1, connect: { client: 'c', session: 's', node: 'n' } };

function opened(first = [{ id: 1, connect: { token: 'a.b+c d&é' } }]) {
  FakeEventSource.made = [];
  const { requests, fetch } = fakeFetch();
  const environment = fakeEnvironment({ fetch, EventSource: FakeEventSource });
  const events = recorder();
  const transport = sseTransport(TARGET, environment, events);
  transport.open(first);
  return { transport, requests, events, stream: FakeEventSource.made[0] };
}

test('the first commands stand in the URL, encoded so that a plain decoder reads them', () => {
  const { stream } = opened();
  const [address, encoded] = stream.url.split('&cf_connect=');

  assert.equal(address, TARGET.url);
  assert.match(encoded, /^[\w.!~*'()%-]+$/);
  assert.deepEqual(JSON.parse(decodeURIComponent(encoded)), { id: 1, connect: { token: 'a.b+c d&é' } });
  assert.equal(stream.init.withCredentials, true);
});

test('messages come, commands leave by requests of their own', async () => {
  const { transport, requests, events, stream } = opened();

  stream.accept();
  stream.say(REPLY);
  transport.send([{ id: 2, ping: {} }]);
  stream.say({});
  await settle();

  assert.deepEqual(events.told, [['open'], ['message', REPLY], ['message', {}]]);
  assert.equal(requests[0].json.data, '{"id":2,"ping":{}}');
});

test('at its first error it is closed, so that it never reconnects by itself', () => {
  const rows = [
    [(stream) => stream.fail(0), 'open_failed', false],
    [(stream) => stream.fail(2), 'answer_malformed', false],
    [(stream) => (stream.accept(), stream.fail(0)), 'connection_cut', true],
  ];
  for (const [happens, slug, wasOpen] of rows) {
    const { events, stream } = opened();

    happens(stream);
    stream.fail(0);

    assert.deepEqual(events.ending, { code: 1006, reason: '', slug, status: undefined, wasOpen });
    assert.equal(events.told.filter(([what]) => what === 'end').length, 1);
    assert.equal(stream.readyState, 2);
    assert.equal(stream.onerror, null);
  }
});

test('a connect command too long for a URL is not tried', () => {
  const { events, stream } = opened([{ id: 1, connect: { token: 'x'.repeat(8192) } }]);

  assert.equal(stream, undefined);
  assert.equal(events.ending.slug, 'url_too_long');
});

test('garbage ends it with a name', () => {
  const { events, stream } = opened();

  stream.accept();
  stream.onmessage({ data: 'hello' });

  assert.equal(events.ending.slug, 'message_malformed');
  assert.equal(stream.readyState, 2);
});

test('close stops the stream at once', () => {
  const { transport, events, stream } = opened();

  stream.accept();
  transport.close();
  stream.fail(0);

  assert.deepEqual(events.told, [['open'], ['end', { code: 1000, reason: '', wasOpen: true }]]);
  assert.equal(stream.readyState, 2);
});
