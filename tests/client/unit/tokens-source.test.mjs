import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorOf, HoldfastError } from '../../../app/holdfast/web/client/errors.js';
import { TokenSource } from '../../../app/holdfast/web/client/tokens/source.js';
import { fakeEnvironment, FakeLocks, fakeToken, pass, settle } from '../fakes.mjs';

const NOW = 1_800_000_000;

/** A source whose getToken gives these answers in turn, the last one again and again; errors are thrown. */
function sourceOf(answers, options = {}) {
  const environment = fakeEnvironment(options.environment);
  const asked = [];
  const lines = [];
  const write = (event, fields) => lines.push({ event, ...fields });
  const log = { debug: write, info: write, warning: write, error: write };
  const getToken = (context) => {
    asked.push({ at: environment.clock.time, ...context });
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    if (answer instanceof Error) throw answer;
    return typeof answer === 'function' ? answer(context) : answer;
  };
  const source = new TokenSource({ environment, log, share: '', ...(answers.length && { getToken }), ...options.source });
  return { source, environment, asked, lines };
}

/** Let time pass until the promise has settled; returns the token or the error. */
async function outcome({ environment }, promise, milliseconds = 120_000) {
  let found;
  promise.then((token) => (found = token), (error) => (found = error));
  for (let left = milliseconds; left > 0 && found === undefined; left -= 500) await pass(environment.clock, 500);
  return found;
}

const good = (seconds = 600, claims = {}) => fakeToken({ sub: 'anna', exp: NOW + seconds, ...claims });

test('a token at hand is handed out without a fetch', async () => {
  const given = sourceOf([good()], { source: { token: good(300) } });

  assert.equal(await outcome(given, given.source.obtain('first')), good(300));
  assert.equal(given.asked.length, 0);
});

test('a token at hand that has expired or soon will is replaced', async () => {
  const given = sourceOf([good()], { source: { token: good(3) } });

  assert.equal(await outcome(given, given.source.obtain('first')), good());
  assert.equal(given.asked[0].reason, 'first');
});

test('without getToken an unusable token is refused before anything connects', async () => {
  for (const [token, slug] of [[undefined, 'token_missing'], ['', 'token_empty'], ['abc', 'token_malformed']]) {
    const given = sourceOf([], { source: { token } });

    const error = await outcome(given, given.source.obtain('first'));
    assert.deepEqual([error.slug, error.action], [slug, 'stop']);
  }
});

test('without getToken the device alone cannot say that a token has expired', async () => {
  const given = sourceOf([], { source: { token: good(-3600) } });
  assert.equal(await outcome(given, given.source.obtain('first')), good(-3600));

  given.source.clock.learn(NOW);

  assert.equal((await outcome(given, given.source.obtain('first'))).slug, 'token_expired');
});

test("the server's clock decides, not the device's", async () => {
  const given = sourceOf([{ token: good(7200 + 600), server_time: NOW + 7200 }, good(7200 + 700)]);
  given.environment.clock.wallOffset -= 5000;

  assert.equal(await outcome(given, given.source.obtain('first')), good(7800));
  assert.ok(Math.abs(given.source.clock.now() - (NOW + 7200)) < 1);
});

test('a refused token is never sent again', async () => {
  const given = sourceOf([good(), good(), good(700)]);
  const first = await outcome(given, given.source.obtain('first'));

  const second = await outcome(given, given.source.obtain('refused'));
  const third = await outcome(given, given.source.obtain('refused'));

  assert.equal(first, good());
  assert.deepEqual([second.slug, second.action], ['token_unchanged', 'retry']);
  assert.equal(third, good(700));
});

test('a token that is refused without getToken asks for the login', async () => {
  const given = sourceOf([], { source: { token: good() } });
  await outcome(given, given.source.obtain('first'));

  assert.equal((await outcome(given, given.source.obtain('refused'))).action, 'login');
});

test('who is not logged in is told at once', async () => {
  for (const status of [401, 403]) {
    const given = sourceOf([Object.assign(new Error('no'), { status })]);

    const error = await outcome(given, given.source.obtain('renewal'));
    assert.deepEqual([error.slug, error.action, given.asked.length], ['login_required', 'login', 1]);
  }
});

test('a renewal goes on through failures that may pass, more and more slowly', async () => {
  const trouble = [new TypeError('Failed to fetch'), new Error('HTTP 500'), new TypeError('Load failed'), good()];
  const given = sourceOf(trouble);

  assert.equal(await outcome(given, given.source.obtain('renewal')), good());
  const gaps = given.asked.slice(1).map(({ at }, i) => at - given.asked[i].at);
  assert.ok(gaps.every((gap) => gap >= 1000), String(gaps));
});

test('other failures are reported one by one, and the next try waits its time', async () => {
  const given = sourceOf([new TypeError('Failed to fetch'), Object.assign(new Error('busy'), { status: 429, retryAfter: 30_000 }), good()]);

  const first = await outcome(given, given.source.obtain('first'));
  const second = await outcome(given, given.source.obtain('first'));
  await outcome(given, given.source.obtain('first'));

  assert.deepEqual([first.slug, first.action, second.slug], ['token_source_unreachable', 'retry', 'token_source_failed']);
  assert.ok(given.asked[1].at - given.asked[0].at >= 1000);
  assert.ok(given.asked[2].at - given.asked[1].at >= 30_000);
});

test('a broken getToken ends in a named error and never in a tight loop', async () => {
  const rows = [
    ['', 'token_empty'], [undefined, 'token_source_malformed'], [null, 'token_source_malformed'], [7, 'token_source_malformed'],
    [{ token: '' }, 'token_empty'], [{}, 'token_source_malformed'], ['<html>', 'token_malformed'], ['null', 'token_empty'],
    [{ token: good(-50), server_time: NOW }, 'token_expired'],
  ];
  for (const [answer, slug] of rows) {
    const given = sourceOf([answer]);
    const found = [];
    for (let i = 0; i < 20 && found.at(-1)?.action !== 'stop' && i < 10; i += 1) {
      found.push(await outcome(given, given.source.obtain('first')));
    }

    assert.ok(found.every((error) => error.slug === slug), `${JSON.stringify(answer)}: ${found.at(-1).slug}`);
    const span = given.asked.at(-1).at - given.asked[0].at;
    assert.ok(span >= (given.asked.length - 1) * 1000, `${given.asked.length} in ${span} ms`);
    if (slug !== 'token_source_malformed') assert.deepEqual(found.map(({ action }) => action), ['retry', 'retry', 'stop']);
  }
});

test('a getToken that never settles is given up, told so, and asked again', async () => {
  const given = sourceOf([() => new Promise(() => {}), good()]);

  const error = await outcome(given, given.source.obtain('first'));

  assert.deepEqual([error.slug, error.action], ['token_source_timeout', 'retry']);
  assert.ok(given.asked[0].signal.aborted);
  assert.equal(await outcome(given, given.source.obtain('first')), good());
});

test('one fetch serves all who wait', async () => {
  let answer;
  const given = sourceOf([() => new Promise((resolve) => (answer = resolve))]);
  const waiting = [given.source.obtain('first'), given.source.obtain('first'), given.source.obtain('renewal')];
  await pass(given.environment.clock, 100);
  answer(good());

  assert.deepEqual(await Promise.all(waiting), [good(), good(), good()]);
  assert.equal(given.asked.length, 1);
});

test('who stops waiting is let go, and the others get what is fetched', async () => {
  let answer;
  const given = sourceOf([() => new Promise((resolve) => (answer = resolve))]);
  const controller = new AbortController();
  const [waiting, other] = [given.source.obtain('renewal', controller.signal), given.source.obtain('first')];
  await pass(given.environment.clock, 100);
  controller.abort();

  assert.equal((await outcome(given, waiting)).name, 'AbortError');
  answer(good());
  assert.equal(await outcome(given, other), good());
  assert.equal(given.asked.length, 1);
});

test('a fetch that nobody waits for any more ends, and is no failure', async () => {
  for (const share of ['', 'tokens']) {
    for (const changes of [{ locks: new FakeLocks() }, {}]) {
      let doesAnswer = false;
      const answer = () => (doesAnswer ? good() : new Promise(() => {}));
      const given = sourceOf([answer], { source: { share }, environment: changes });
      for (const milliseconds of [0, 10, 100]) {
        const controller = new AbortController();
        const waiting = given.source.obtain('renewal', controller.signal);
        const before = given.asked.length;
        await pass(given.environment.clock, milliseconds);
        controller.abort();
        assert.equal((await outcome(given, waiting)).name, 'AbortError');
        await settle();

        assert.equal(given.environment.clock.pending, 0);
        assert.ok(given.asked.slice(before).every(({ signal }) => signal.aborted));
      }

      assert.deepEqual(given.lines, []);
      doesAnswer = true;
      assert.equal(await outcome(given, given.source.obtain('first')), good());
    }
  }
});

test('a network that flaps lets one fetch in a second through while a renewal fails', async () => {
  const given = sourceOf([new TypeError('Failed to fetch')]);
  const controller = new AbortController();
  const waiting = given.source.obtain('renewal', controller.signal);
  for (let moment = 0; moment < 120_000; moment += 100) {
    given.source.hurry();
    await given.environment.clock.advance(100);
  }
  controller.abort();
  assert.equal((await outcome(given, waiting)).name, 'AbortError');

  const inMinute = given.asked.map(({ at }) => given.asked.filter((one) => one.at >= at && one.at < at + 60_000).length);
  assert.ok(Math.max(...inMinute) <= 60, `${Math.max(...inMinute)} in a minute`);
  assert.ok(given.asked.length > 60);
  assert.equal(given.environment.clock.pending, 0);
});

test('a network that is back, or a user who asks, cuts the waiting short', async () => {
  const given = sourceOf([Object.assign(new Error('x'), { retryAfter: 50_000 }), good()]);
  await outcome(given, given.source.obtain('first'));
  const waiting = given.source.obtain('first');
  await pass(given.environment.clock, 1000);
  assert.equal(given.asked.length, 1);

  given.source.hurry();

  assert.equal(await outcome(given, waiting, 1000), good());
});

test('another user gets none of the tokens of the one before', async () => {
  let generation = 0;
  const environment = fakeEnvironment();
  const users = [good(600, { sub: 'anna' }), good(600, { sub: 'bob' })];
  const getToken = Object.assign(async () => users[generation], { generation: () => generation, share: '' });
  const source = new TokenSource({ environment, getToken });
  await outcome({ environment }, source.obtain('first'));
  generation = 1;

  assert.equal(await outcome({ environment }, source.obtain('first')), users[1]);
});

test('a token that was under way when another user logged in is not theirs', async () => {
  let generation = 0;
  const answers = [];
  const environment = fakeEnvironment();
  const getToken = Object.assign(() => new Promise((resolve) => answers.push(resolve)), { generation: () => generation, share: '' });
  const source = new TokenSource({ environment, getToken });
  const waiting = source.obtain('first');
  await pass(environment.clock, 100);
  generation = 1;
  answers[0](good(600, { sub: 'anna' }));
  await pass(environment.clock, 100);
  answers[1](good(600, { sub: 'bob' }));

  assert.equal(await outcome({ environment }, waiting), good(600, { sub: 'bob' }));
});

test('no token gets into errors or the log, whatever getToken does', async () => {
  const secret = good(-1000, { sub: 'secret' });
  const given = sourceOf([new Error(`refused ${secret}`), { token: secret, server_time: NOW }, `${secret}.x`, `${secret}=`, good()]);
  const texts = [];
  for (let i = 0; i < 5; i += 1) {
    const found = await outcome(given, given.source.obtain('first'));
    if (found instanceof HoldfastError) texts.push(found.message, found.detail, JSON.stringify(found));
  }
  const all = texts.join() + JSON.stringify(given.lines);

  assert.ok(texts.length > 0 && given.lines.length > 0);
  for (const part of [...secret.split('.'), ...good().split('.')].filter((one) => one.length > 15)) assert.ok(!all.includes(part));
});

test('an error of ours from getToken stays what it is', async () => {
  const given = sourceOf([errorOf({ slug: 'signed_out_elsewhere' })]);

  assert.equal((await outcome(given, given.source.obtain('first'))).slug, 'signed_out_elsewhere');
});
