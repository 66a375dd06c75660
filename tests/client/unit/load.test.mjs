import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isSupported, loadTransport } from '../../../app/holdfast/web/client/transports/load.js';
import { FakeEventSource, fakeEnvironment, recorder } from '../fakes.mjs';

const TARGET = { url: 'https://app.example/x', emulationUrl: 'https://app.example/emulation', handshakeTimeout: 5000 };

test('each fallback is loaded by its name', async () => {
  for (const name of ['http_stream', 'sse', 'poll']) {
    const maker = await loadTransport(name);

    assert.equal(maker(TARGET, fakeEnvironment(), recorder()).name, name);
  }
});

test('an import that fails is a temporary cause, and the next one asks for another address', async () => {
  const asked = [];
  const importFile = async (file) => {
    asked.push(file);
    if (asked.length < 3) throw new TypeError('Failed to fetch dynamically imported module');
    return { sseTransport: 'maker' };
  };
  const importOnce = () => loadTransport('sse', importFile);

  for (let count = 0; count < 2; count += 1) {
    await assert.rejects(importOnce, (error) => error.slug === 'import_failed' && error.isTemporary);
  }

  assert.equal(await importOnce(), 'maker');
  assert.match(asked[0], /\/sse\.js$/);
  assert.match(asked[1], /\/sse\.js\?again=1$/);
  assert.match(asked[2], /\/sse\.js\?again=2$/);
});

test('a browser supports what it has the means for', () => {
  const all = fakeEnvironment({ EventSource: FakeEventSource });
  const names = ['websocket', 'http_stream', 'sse', 'poll'];

  assert.deepEqual(names.filter((name) => isSupported(name, all)), names);
  assert.deepEqual(names.filter((name) => isSupported(name, { ...all, fetch: undefined })), ['websocket']);
  assert.deepEqual(names.filter((name) => isSupported(name, { ...all, WebSocket: undefined, EventSource: undefined })), ['http_stream', 'poll']);
});
