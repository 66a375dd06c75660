import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../../../app/holdfast/web/client/outbox.js';
import { fakeEnvironment, settle } from '../fakes.mjs';

const make = (limits = {}) => {
  const environment = fakeEnvironment();
  return { environment, outbox: new Outbox(environment, { queueSize: 3, queueTimeout: 1000, ...limits }) };
};

test('what waits goes out in order, once, and has the reply as its result', async () => {
  const { outbox, environment } = make();
  const results = [outbox.add('publish', { n: 1 }), outbox.add('rpc', { n: 2 })];
  const sent = [];
  const send = async (method, { n }) => {
    sent.push(method);
    return n;
  };
  outbox.flush(send);
  outbox.flush(send);

  assert.deepEqual(sent, ['publish', 'rpc']);
  assert.deepEqual(await Promise.all(results), [1, 2]);
  assert.equal(environment.clock.pending, 0);
});

test('one too many is refused by name, and those before it stay', async () => {
  const { outbox, environment } = make();
  for (let n = 0; n < 3; n += 1) outbox.add('publish', { n });

  await assert.rejects(outbox.add('publish', {}), { slug: 'queue_full' });
  assert.equal(environment.clock.pending, 3);
});

test('what waited too long is told so and never goes out', async () => {
  const { outbox, environment } = make();
  const late = assert.rejects(outbox.add('publish', {}), { slug: 'queue_timeout' });
  await environment.clock.advance(1000);
  await late;
  outbox.flush(() => assert.fail('sent'));

  assert.equal(environment.clock.pending, 0);
});

test('nothing is left when all of it is given up', async () => {
  const { outbox, environment } = make();
  const first = assert.rejects(outbox.add('publish', {}), /why/);
  outbox.rejectAll(new Error('why'));
  await first;

  outbox.flush(() => assert.fail('sent'));

  assert.equal(environment.clock.pending, 0);
});

test('what fails on the way fails its own promise alone', async () => {
  const { outbox } = make();
  const [bad, good] = [outbox.add('publish', { n: 1 }), outbox.add('publish', { n: 2 })];
  outbox.flush(async (_method, { n }) => {
    if (n === 1) throw new Error('lost');
    return 'taken';
  });

  await assert.rejects(bad, /lost/);
  assert.equal(await good, 'taken');
  await settle();
});
