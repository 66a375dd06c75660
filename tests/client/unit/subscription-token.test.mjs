import assert from 'node:assert/strict';
import { test } from 'node:test';

import { errorOf } from '../../../app/holdfast/web/client/errors.js';
import { SubscriptionToken } from '../../../app/holdfast/web/client/subscription-token.js';
import { fakeEnvironment } from '../fakes.mjs';

function tokenOf(options) {
  const environment = fakeEnvironment({ random: () => 0 });
  return { environment, token: new SubscriptionToken('news', options, environment) };
}

test('a token is fetched, kept, and fetched anew when it was refused', async () => {
  const asked = [];
  const { token } = tokenOf({ getToken: async ({ channel, reason }) => asked.push([channel, reason]) && ' a.b.c\n' });

  assert.equal(token.mustFetch, true);
  assert.equal(await token.fetch(), 'a.b.c');
  assert.equal(token.current, 'a.b.c');
  assert.equal(token.mustFetch, false);
  token.refuse();
  assert.equal(token.mustFetch, true);
  await token.fetch();

  assert.deepEqual(asked, [['news', 'first'], ['news', 'refused']]);
});

for (const [what, value, slug] of [
  ['empty', '', 'subscription_token_empty'],
  ['blank', '  ', 'subscription_token_empty'],
  ['null', null, 'subscription_token_empty'],
  ['an object', {}, 'subscription_token_empty'],
  ['not in three parts', 'a.b', 'subscription_token_malformed'],
]) {
  test(`a token that is ${what} is named before the server is asked`, async () => {
    const { token } = tokenOf({ getToken: async () => value });

    await assert.rejects(token.fetch(), { slug, action: 'stop' });
    assert.equal(token.current, '');
  });
}

test('a source that fails may work later; one that names its cause decides itself', async () => {
  const failing = tokenOf({ getToken: () => { throw new TypeError('Failed to fetch'); } }).token;
  const deciding = tokenOf({ getToken: async () => { throw errorOf({ slug: 'login_required', kind: 'client' }); } }).token;

  await assert.rejects(failing.fetch(), { slug: 'token_source_failed', action: 'retry' });
  await assert.rejects(deciding.fetch(), { slug: 'login_required', action: 'login' });
});

test('a token is renewed well before its end, and not twice', async () => {
  const { token, environment } = tokenOf({ getToken: async () => 'a.b.c' });
  const renewals = [];

  token.renewIn(100, () => renewals.push('first'));
  token.renewIn(100, () => renewals.push('second'));
  await environment.clock.advance(74_999);
  assert.deepEqual(renewals, []);
  await environment.clock.advance(1);

  assert.deepEqual(renewals, ['second']);
});

test('an end in the far future, or none that is a number, is no tight loop', () => {
  const { token, environment } = tokenOf({});

  token.renewIn(1e12, () => {});
  assert.equal(environment.clock.untilNext, 2e9);
  token.renewIn(0, () => {});
  assert.equal(environment.clock.untilNext, 1500);
  token.rest();
  assert.equal(environment.clock.pending, 0);
});

test('whoever fetches a token for a subscription that has ended is told', async () => {
  let signal;
  const { token } = tokenOf({ getToken: async (context) => (signal = context.signal) && 'a.b.c' });
  await token.fetch();

  token.stop();
  assert.equal(signal.aborted, true);
  await token.fetch();
  assert.equal(signal.aborted, false);
});

test('one fetch at a time, and not for ever', async () => {
  const answers = [];
  const { token, environment } = tokenOf({ getToken: () => new Promise((resolve) => answers.push(resolve)) });
  const both = Promise.all([token.fetch(), token.fetch()]);
  answers[0]('a.b.c');

  assert.deepEqual(await both, ['a.b.c', 'a.b.c']);
  const late = assert.rejects(token.fetch(), { slug: 'token_source_timeout', action: 'retry' });
  await environment.clock.advance(30_000);
  await late;
  assert.equal(answers.length, 2);
  assert.equal(environment.clock.pending, 0);
});
