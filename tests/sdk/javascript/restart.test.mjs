// The gateway itself restarts under its clients.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, control, event, pause, subscribed, unique, until } from './support.mjs';

/** Publish until it was acknowledged; the key makes a repeated try harmless. */
async function publishForSure(channel, data) {
  for (;;) {
    try {
      const answer = await call('publish', { channel, data, idempotency_key: `${channel}-${data}` });
      if (answer.result) return;
    } catch {
      // The gateway is away; the next try comes soon.
    }
    await pause(20);
  }
}

test('a restart loses nothing and doubles nothing', async (t) => {
  const { sub, seen, centrifuge, ctx } = await subscribed(t, unique('kept:'));
  const total = 150;
  const lost = event(centrifuge, 'connecting');
  const publishing = (async () => {
    for (let n = 1; n <= total; n += 1) {
      await publishForSure(sub.channel, n);
      await pause(5);
    }
  })();
  await until(() => seen.length >= 20, 'the first publications');
  const back = event(sub, 'subscribed', () => true, 20000);
  await control('restart');
  const goodbye = await lost;
  const again = await back;
  await publishing;
  await until(() => seen.length >= total, 'all publications');
  await pause(200);

  assert.equal(goodbye.code, 3001);
  assert.equal(goodbye.reason, 'shutdown');
  assert.equal(again.recovered, true);
  assert.equal(again.streamPosition.epoch, ctx.streamPosition.epoch);
  assert.deepEqual(seen.map((pub) => pub.data), Array.from({ length: total }, (_, index) => index + 1));
});
