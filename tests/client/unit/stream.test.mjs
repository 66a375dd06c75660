import assert from 'node:assert/strict';
import { test } from 'node:test';

import { StreamTransport } from '../../../app/holdfast/web/client/transports/stream.js';
import { fakeEnvironment, fakeFetch, recorder, settle } from '../fakes.mjs';

const TARGET = { url: 'https://app.example/s', emulationUrl: 'https://app.example/emulation', handshakeTimeout: 5000 };

/** A stream whose source is the test; `stops` counts how often it was stopped. */
function made() {
  const { requests, fetch } = fakeFetch();
  const events = recorder();
  const parts = { requests, events, stops: 0 };
  const source = (_target, _environment, _first, sink) => {
    parts.sink = sink;
    return () => (parts.stops += 1);
  };
  parts.transport = new StreamTransport('sse', source, TARGET, fakeEnvironment({ fetch }), events);
  parts.transport.open([{ id: 1, connect: {} }]);
  return parts;
}

test('a connect that is refused starts no uplink', async () => {
  const { transport, sink, requests, events } = made();

  sink.open();
  sink.take('{"id":1,"error":{"code":109,"message":"token_expired"}}');
  transport.send([{ id: 2, ping: {} }]);
  await settle();

  assert.equal(events.messages.length, 1);
  assert.deepEqual(requests, []);
});

test('a failure of the uplink ends the stream too', async () => {
  const parts = made();
  const { transport, sink, requests, events } = parts;

  sink.open();
  sink.take('{"id":1,"connect":{"session":"s","node":"n"}}');
  transport.send([{ id: 2, ping: {} }]);
  await settle();
  requests[0].respond(404, { code: 1931, slug: 'unknown_session' });
  await settle();

  assert.equal(events.ending.slug, 'unknown_session');
  assert.equal(parts.stops, 1);
});

test('nothing is told after the end, not even by a source that goes on', () => {
  const { transport, sink, events } = made();

  sink.open();
  sink.open();
  transport.close();
  sink.take('{}');
  sink.end({ code: 1006, reason: '', slug: 'connection_cut' });

  assert.deepEqual(events.told, [['open'], ['end', { code: 1000, reason: '', wasOpen: true }]]);
});
