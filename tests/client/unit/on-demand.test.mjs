import assert from 'node:assert/strict';
import { test } from 'node:test';

import { partOf } from '../../../app/holdfast/web/client/connector.js';
import { load, loaded, prefetch, use } from '../../../app/holdfast/web/client/on-demand.js';
import { fakeEnvironment, recorder } from '../fakes.mjs';

const TARGET = { url: 'https://app.example/x', emulationUrl: 'https://app.example/emulation', handshakeTimeout: 5000 };

test('each fallback is loaded by its name', async () => {
  for (const name of ['http_stream', 'sse', 'poll']) {
    const { maker } = await load(partOf(name));

    assert.equal(maker(TARGET, fakeEnvironment(), recorder()).name, name);
  }
});

test('all that was fetched ahead is there at once', async () => {
  await prefetch();
  const used = [];
  for (const name of ['transports/outcomes', 'health', 'moving', 'explain']) use(name, (part) => used.push(part));

  assert.deepEqual(used, [loaded['transports/outcomes'], loaded.health, loaded.moving, loaded.explain]);
});
