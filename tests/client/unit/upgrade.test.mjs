import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Upgrade } from '../../../app/holdfast/web/client/upgrade.js';
import { fakeEnvironment, settle } from '../fakes.mjs';

const make = (open) => {
  const environment = fakeEnvironment();
  const moved = [];
  let better = 'websocket';
  const choice = { upgradeIn: () => (better ? 20_000 : null), shouldUpgrade: () => better };
  const upgrade = new Upgrade({ environment, choice: () => choice, open, moveTo: (opened) => moved.push(opened) && (better = null) });
  return { environment, upgrade, moved };
};

test('a better transport is tried when it is worth it, and moved to when it works', async () => {
  const opened = [];
  const { environment, upgrade, moved } = make(async (name) => opened.push(name) && 'session');
  upgrade.watch();
  await environment.clock.advance(19_999);
  assert.deepEqual(opened, []);
  await environment.clock.advance(1);

  assert.deepEqual([opened, moved], [['websocket'], ['session']]);
  assert.equal(environment.clock.pending, 0);
});

test('a trial that fails changes nothing and is not repeated in a tight loop', async () => {
  let tries = 0;
  const { environment, upgrade, moved } = make(async () => {
    tries += 1;
    throw new Error('blocked');
  });
  upgrade.watch();
  await environment.clock.advance(110_000);

  assert.deepEqual([tries, moved], [4, []]);
  upgrade.stop();
  assert.equal(environment.clock.pending, 0);
});

test('a hidden page tries nothing', async () => {
  const { environment, upgrade } = make(() => assert.fail('tried'));
  environment.document.visibilityState = 'hidden';
  upgrade.watch();
  await environment.clock.advance(100_000);
});

test('a trial that ends when nobody watches any more is the last one', async () => {
  let fail;
  const { environment, upgrade } = make(() => new Promise((_, reject) => (fail = reject)));
  upgrade.watch();
  await environment.clock.advance(20_000);
  upgrade.stop();
  fail(new Error('given up'));
  await settle();

  assert.equal(environment.clock.pending, 0);
});
