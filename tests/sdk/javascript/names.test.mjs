// Patterns for channels' names.
import assert from 'node:assert/strict';
import test from 'node:test';
import { client, connect, event, subscribe, subscription, token, unique } from './support.mjs';

test('a name that does not match the pattern of its namespace is refused', async (t) => {
  const centrifuge = client(t, { token: token() });
  await connect(centrifuge);
  await subscribe(subscription(centrifuge, 'numbered:12'));
  const sub = subscription(centrifuge, unique('numbered:x'));
  const ended = event(sub, 'unsubscribed');
  sub.subscribe();
  const { code, reason } = await ended;

  assert.deepEqual([code, reason], [107, 'channel_name_mismatch']);
});
