import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorOf } from '../../../app/holdfast/web/client/errors.js';
import { Renewal } from '../../../app/holdfast/web/client/renewal.js';
import { fakeEnvironment, settle } from '../fakes.mjs';

const make = (answers, tokens = ['t1', 't2', 't3']) => {
  const environment = fakeEnvironment();
  const asked = [];
  const sent = [];
  const hopeless = [];
  const source = {
    obtain: async (reason) => {
      asked.push(reason);
      const token = tokens.shift();
      if (token instanceof Error) throw token;
      return token;
    },
  };
  const session = {
    isConnected: true,
    request: async (method, params) => {
      sent.push([method, params.token]);
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const renewal = new Renewal(source, environment, (error) => hopeless.push(error.slug));
  return { renewal, session, clock: environment.clock, asked, sent, hopeless };
};

test('a connection is renewed before its end, again and again', async () => {
  const { renewal, session, clock, sent } = make([{ expires: true, ttl: 60 }, { expires: true, ttl: 60 }]);
  renewal.keep(session, { expires: true, ttl: 60 });
  await clock.advance(120_000);

  assert.deepEqual(sent, [['refresh', 't1'], ['refresh', 't2']]);
  renewal.stop();
  assert.equal(clock.pending, 0);
});

test('what does not expire is left alone', () => {
  const { renewal, session, clock } = make([]);
  renewal.keep(session, {});
  renewal.keep(session, { expires: true, ttl: 0 });

  assert.equal(clock.pending, 0);
});

test('a server that wants yet another token gets one, not in a tight loop and not for ever', async () => {
  const stale = () => errorOf({ kind: 'error', code: 109, reason: 'token_expired' });
  const { renewal, session, clock, asked } = make(Array.from({ length: 20 }, stale), Array.from({ length: 20 }, () => 't'));
  renewal.keep(session, { expires: true, ttl: 10 });
  await clock.advance(10_000);
  assert.deepEqual(asked, ['renewal']);
  await clock.advance(600_000);

  assert.deepEqual(asked, ['renewal', 'refused', 'refused', 'refused', 'refused', 'refused']);
});

test('where no token will come any more it says so, once', async () => {
  const { renewal, session, clock, hopeless } = make([], [errorOf({ slug: 'login_required' })]);
  renewal.keep(session, { expires: true, ttl: 10 });
  await clock.advance(600_000);

  assert.deepEqual(hopeless, ['login_required']);
});

test('after stop nothing more is asked or sent', async () => {
  const { renewal, session, clock, sent } = make([{ expires: true, ttl: 60 }]);
  renewal.keep(session, { expires: true, ttl: 10 });
  await clock.advance(5_000);
  renewal.stop();
  await clock.advance(100_000);
  await settle();

  assert.deepEqual(sent, []);
});
