import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { browserEnvironment } from '../../../app/holdfast/web/client/environment.js';

const given = [];

/** Let there be a global until the end of the test. */
function define(name, descriptor) {
  given.push([name, Object.getOwnPropertyDescriptor(globalThis, name)]);
  Object.defineProperty(globalThis, name, { configurable: true, ...descriptor });
}

afterEach(() => {
  for (const [name, before] of given.splice(0)) {
    if (before) Object.defineProperty(globalThis, name, before);
    else delete globalThis[name];
  }
});

test('where there is no page, what belongs to one is missing', () => {
  const environment = browserEnvironment();

  assert.equal(environment.document, undefined);
  assert.equal(environment.page, undefined);
  assert.equal(environment.isHidden(), false);
  assert.equal(environment.isOnline(), true);
  assert.match(environment.baseUrl, /^http/);
});

test('a wait that is longer than a timer can hold is not over at once', async () => {
  const { setTimer, clearTimer } = browserEnvironment();
  let isOver = false;
  const timers = [2 ** 31, 1e12, Infinity].map((delay) => setTimer(() => (isOver = true), delay));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(isOver, false);
  timers.forEach(clearTimer);
});

test('clocks, timers and chance are those of the platform', async () => {
  const environment = browserEnvironment();
  const before = environment.now();

  await new Promise((resolve) => environment.setTimer(resolve, 1));

  assert.ok(environment.now() > before);
  assert.ok(Math.abs(environment.wallClock() - Date.now()) < 1000);
  assert.equal(environment.randomBytes(16).length, 16);
  assert.ok(environment.random() < 1);
});

test('a timer that is cleared does not come', async () => {
  const environment = browserEnvironment();
  let came = false;

  environment.clearTimer(environment.setTimer(() => (came = true), 1));
  await new Promise((resolve) => environment.setTimer(resolve, 5));

  assert.equal(came, false);
});

test('storage that the page may not use is missing', () => {
  const forbidden = () => {
    throw new DOMException('forbidden', 'SecurityError');
  };
  define('localStorage', { get: forbidden });

  assert.equal(browserEnvironment().storage, undefined);
});

test('what the page and the browser say is passed on', () => {
  const document = { visibilityState: 'hidden' };
  define('document', { value: document });
  define('navigator', { value: { onLine: false, language: 'pt-BR', connection: 'wifi' } });

  const environment = browserEnvironment();

  assert.equal(environment.document, document);
  assert.equal(environment.isHidden(), true);
  assert.equal(environment.isOnline(), false);
  assert.equal(environment.language, 'pt-BR');
  assert.equal(environment.connection, 'wifi');
});
