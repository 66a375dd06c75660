import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Log } from '../../../app/holdfast/web/client/log/log.js';
import { Trouble } from '../../../app/holdfast/web/client/log/trouble.js';
import { fakeEnvironment } from '../fakes.mjs';

function world(isOn) {
  const requests = [];
  const fetch = async (_url, { body }) => {
    requests.push(JSON.parse(body));
    return new Response(JSON.stringify({ log_token: `next-${requests.length}`, accepted: 1 }));
  };
  const environment = fakeEnvironment({ fetch });
  const log = new Log(environment);
  const trouble = new Trouble({ environment, log, url: 'https://app.example/client/logs' }, isOn);
  const advance = (milliseconds) => environment.clock.advance(milliseconds);
  return { environment, log, trouble, requests, advance };
}

test('trouble is reported once there is a token', async () => {
  const { log, trouble, requests, advance } = world();
  log.attempt = 'a1';
  log.write('warning', 'connection_refused');
  await advance(60_000);
  assert.deepEqual(requests, []);

  log.attempt = 'a2';
  trouble.learn('a2', 'token-2');
  await advance(5000);
  assert.deepEqual(requests.map(({ log_token, lines }) => [log_token, lines.length]), [['token-2', 1]]);
});

test('all is well: nothing leaves, whatever is logged', async () => {
  const { environment, log, trouble, requests, advance } = world();
  trouble.learn('a1', 'token-1');
  for (let number = 0; number < 300; number += 1) log.write('info', 'fine');
  await advance(600_000);
  environment.page.dispatchEvent(new Event('pagehide'));

  assert.deepEqual([requests, environment.beacons], [[], []]);
});

test('trouble again, after all was well, is reported again', async () => {
  const { log, trouble, requests, advance } = world();
  trouble.learn('a1', 'token-1');
  log.write('warning', 'connection_closed');
  await advance(60_000);
  log.write('info', 'fine');
  await advance(60_000);
  log.write('error', 'crash');
  await advance(5000);

  assert.deepEqual(requests.map(({ lines }) => lines.map(({ event }) => event)), [['connection_closed'], ['fine', 'crash']]);
});

test('switched off, it sends on request alone', async () => {
  const { log, trouble, requests, advance } = world(false);
  trouble.learn('a1', 'token-1');
  log.write('error', 'crash');
  await advance(60_000);
  assert.deepEqual(requests, []);

  assert.equal(await trouble.send(), 1);
});

test('on request all lines are sent', async () => {
  const { log, trouble, requests } = world();
  trouble.learn('a1', 'token-1');
  log.write('info', 'fine');

  assert.equal(await trouble.send(), 1);
  assert.equal(requests.length, 1);
});

test('what is no token is none, and of many the newest are kept', async () => {
  const { log, trouble, requests } = world();
  for (const odd of [undefined, '', 5, {}]) trouble.learn('a0', odd);
  log.write('info', 'fine');
  assert.equal(await trouble.send(), 0);

  for (let number = 1; number <= 1000; number += 1) trouble.learn(`a${number}`, `token-${number}`);
  log.write('info', 'of the first', { attempt: 'a1' });
  log.write('info', 'of the last but one', { attempt: 'a999' });
  await trouble.send();
  assert.deepEqual(requests.map(({ log_token }) => log_token), ['token-1000', 'token-999']);
});

test('at the end what can be handed over leaves as a beacon, and nothing is watched any more', async () => {
  const { environment, log, trouble, requests } = world();
  trouble.learn('a1', 'token-1');
  log.write('warning', 'connection_closed');
  trouble.close();
  trouble.close();
  trouble.learn('a2', 'token-2');
  log.write('warning', 'connection_closed');

  assert.deepEqual([requests, environment.beacons.length, environment.clock.pending], [[], 1, 0]);
});
