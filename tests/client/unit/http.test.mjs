import assert from 'node:assert/strict';
import { test } from 'node:test';
import { abortAfter, isHtml, isRedirect, parsed, slugOfPage, wordsOf } from '../../../app/holdfast/web/client/http.js';
import { fakeEnvironment } from '../fakes.mjs';

const untilAborted = ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('aborted')));
const answer = (status, type = '') => new Response(null, { status, headers: { 'content-type': type } });

test('what takes too long is aborted, and no timer is left of what does not', async () => {
  const environment = fakeEnvironment();
  const slow = abortAfter(environment, 100, untilAborted);
  await environment.clock.advance(100);

  assert.equal(await slow, 'aborted');
  assert.equal(await abortAfter(environment, 100, async () => 'done'), 'done');
  await assert.rejects(abortAfter(environment, 100, async () => Promise.reject(new Error('no'))), /no/);
  assert.equal(environment.clock.pending, 0);
});

test('whoever asked can abort it, too', async () => {
  const environment = fakeEnvironment();
  const asker = new AbortController();
  const work = abortAfter(environment, 100, untilAborted, asker.signal);
  asker.abort();

  assert.equal(await work, 'aborted');
  assert.equal(environment.clock.pending, 0);
});

test('a redirect is known by its status, or by what browsers show instead', () => {
  assert.ok(isRedirect(answer(302)) && isRedirect({ type: 'opaqueredirect', status: 0 }));
  assert.ok(!isRedirect(answer(200)) && !isRedirect(answer(404)));
});

test('a page is known by its type', () => {
  assert.ok(isHtml(answer(200, 'Text/HTML; charset=utf-8')));
  assert.ok(!isHtml(answer(200, 'application/json')) && !isHtml({ headers: new Headers() }));
});

test('a text that is no JSON is null', () => {
  assert.deepEqual([parsed('{"a":1}'), parsed(''), parsed('<html>')], [{ a: 1 }, null, null]);
});

test('the words of a body are taken as text alone, bounded and without tokens', () => {
  assert.deepEqual(wordsOf({ message: 'Full.', remedy: `Drop ${'x'.repeat(40)}` }), { meaning: 'Full.', remedy: 'Drop …' });
  assert.deepEqual(wordsOf({ meaning: 'Full.', message: 'no' }).meaning, 'Full.');
  for (const body of [null, {}, { message: 5, remedy: '' }]) {
    assert.deepEqual(wordsOf(body), { meaning: undefined, remedy: undefined });
  }
});

test('a page of HTML in place of an answer is of the server itself where nobody can be between', () => {
  for (const url of ['https://a.example/', 'http://localhost:5173/x', 'http://app.localhost/', 'http://127.0.0.1:8000/', 'http://[::1]/']) {
    assert.equal(slugOfPage(url), 'path_not_found');
  }
  for (const url of ['http://a.example/', 'http://localhost.example/', '']) assert.equal(slugOfPage(url), 'captive_portal');
});
