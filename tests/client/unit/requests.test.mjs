import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Requests } from '../../../app/holdfast/web/client/requests.js';
import { fakeEnvironment } from '../fakes.mjs';

const make = () => {
  const environment = fakeEnvironment();
  return { environment, requests: new Requests(environment) };
};

test('a reply settles the command of its id, in whatever order', async () => {
  const { requests, environment } = make();
  const first = requests.add('publish', 1000);
  const second = requests.add('history', 1000);

  assert.ok(requests.settle({ id: second.id, history: { offset: 7 } }));
  assert.ok(requests.settle({ id: first.id }));
  assert.deepEqual(await second.reply, { offset: 7 });
  assert.deepEqual(await first.reply, {});
  assert.deepEqual([requests.size, environment.clock.pending], [0, 0]);
});

test('an error reply rejects with the cause of the table', async () => {
  const { requests } = make();
  const { id, reply } = requests.add('publish', 1000);
  requests.settle({ id, error: { code: 103, message: 'permission_denied' } });

  await assert.rejects(reply, { slug: 'permission_denied', number: 103, action: 'stop' });
});

test('an error reply that is nonsense rejects by name', async () => {
  const { requests } = make();
  for (const error of [true, 'no', { code: {}, message: [] }, []]) {
    const { id, reply } = requests.add('publish', 1000);
    requests.settle({ id, error });

    await assert.rejects(reply, { name: /Error$/ });
  }
});

test('no reply in time is named, and a late one does no harm', async () => {
  const { requests, environment } = make();
  const { id, reply } = requests.add('publish', 1000);
  const late = assert.rejects(reply, { slug: 'command_timeout' });
  await environment.clock.advance(1000);
  await late;

  assert.ok(requests.settle({ id, publish: {} }));
});

test('a reply that nobody asked for is not known', () => {
  const { requests } = make();
  requests.add('publish', 1000);

  for (const id of [2, 0, -1, 1.5, '1', null, {}]) assert.equal(requests.settle({ id }), false, String(id));
});

test('all that is pending is rejected when nothing will be answered any more', async () => {
  const { requests, environment } = make();
  const { reply } = requests.add('publish', 1000);
  requests.rejectAll((method) => new Error(method));

  await assert.rejects(reply, /publish/);
  assert.equal(environment.clock.pending, 0);
});
