import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forgetTries, goToLogin, returnPath } from '../../../app/holdfast/web/client/tokens/redirect.js';
import { fakeEnvironment } from '../fakes.mjs';

function at(href, changes) {
  return Object.assign(fakeEnvironment(changes), { href });
}

test('the way to the login has the way back, and the reason', () => {
  const environment = at('https://app.example/room/5?tab=2#end');

  assert.equal(goToLogin({ page: '/login', environment, reason: 'session_ended' }), null);
  const { pathname, searchParams } = new URL(environment.visited[0]);
  assert.deepEqual([pathname, searchParams.get('return'), searchParams.get('reason')], ['/login', '/room/5?tab=2#end', 'session_ended']);
});

test('the login page is never left for itself', () => {
  const environment = at('https://app.example/login?return=%2Froom');

  assert.equal(goToLogin({ page: '/login', environment }), null);
  assert.deepEqual(environment.visited, []);
});

test('a loop is found, told, and over when the session works or time has passed', async () => {
  const environment = at('https://app.example/room');
  const go = () => goToLogin({ page: '/login', environment })?.slug;

  assert.deepEqual([go(), go(), go()], [undefined, undefined, 'login_loop']);
  await environment.clock.advance(61_000);
  assert.equal(go(), undefined);
  go();
  forgetTries(environment);
  assert.equal(go(), undefined);
});

test('the way back leads to a path of this origin, whoever made the link', () => {
  const rows = [
    ['/room/5?tab=2#end', '/room/5?tab=2#end'], ['', '/home'], ['https://evil.example/', '/home'], ['//evil.example/', '/home'],
    ['/\\evil.example/', '/home'], ['/\t/evil.example/', '/home'], ['/\n//evil.example', '/home'], ['javascript:alert(1)', '/home'],
    ['/.//evil.example/', '/home'], ['/a/..//evil.example/', '/home'], ['room', '/home'], ['/login?return=%2Flogin', '/home'],
    ['/ok?next=//evil.example', '/ok?next=//evil.example'], ['\\\\evil.example', '/home'],
  ];
  for (const [given, expected] of rows) {
    const environment = at(`https://app.example/login?return=${encodeURIComponent(given)}`);

    assert.equal(returnPath(environment, '/home'), expected, given);
  }
  assert.equal(returnPath(at('https://app.example/login')), '/');
});

test('a page without storage, or with nonsense in it, goes to the login all the same', () => {
  const without = at('https://app.example/room', { tabStorage: undefined });
  const broken = at('https://app.example/room');
  broken.tabStorage.setItem('holdfast:login', '{"a":');

  for (const environment of [without, broken]) {
    goToLogin({ page: '/login', environment });
    assert.equal(environment.visited.length, 1);
  }
});
