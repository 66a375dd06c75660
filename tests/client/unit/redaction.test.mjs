import assert from 'node:assert/strict';
import { test } from 'node:test';

import { plainFields, redact } from '../../../app/holdfast/web/client/log/redaction.js';

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl';

test('what stands under the name of a secret is hidden, whatever it is', () => {
  const secrets = ['token', 'log_token', 'access_token', 'refreshToken', 'password', 'Set-Cookie', 'cookie', 'Authorization', 'api_key', 'x-api-key', 'client_secret'];
  const fields = plainFields(Object.fromEntries(secrets.map((name) => [name, { deep: 'geheim' }])));

  assert.equal(Object.keys(fields).length, secrets.length);
  for (const name of secrets) assert.equal(fields[name], '********', name);
});

test('names that only resemble it are not', () => {
  assert.deepEqual(plainFields({ tokens: 3, token_kind: 'connection', cookies: 'none' }), { tokens: 3, token_kind: 'connection', cookies: 'none' });
});

test('what looks like a secret is hidden in any text', () => {
  const rows = [
    `refused ${JWT} here`, `wss://x/connection/websocket?cid=1&token=geheim&x=1`, 'Authorization: Bearer geheimgeheim',
    'https://anna:geheim@x/', '{"password": "geheim"}', `{"a":{"token":"${JWT}"}}`, 'cf_connect=geheim', 'secret=geheim',
  ];
  for (const text of rows) {
    const hidden = redact(text);

    assert.ok(!/geheim|c2lnbmF0dXJl|InN1YiI/.test(hidden), hidden);
    assert.match(hidden, /\*{8}/);
  }
  assert.equal(redact('wss://x/websocket?token=geheim&cid=12'), 'wss://x/websocket?token=********&cid=12');
});

test('a text without secrets stays as it is', () => {
  for (const text of ['token_expired', 'expected a token: 5 s ago', 'https://x/a?cid=12', '']) assert.equal(redact(text), text);
});

test('values become plain, errors their text, objects JSON without secrets', () => {
  const circle = {};
  circle.self = circle;
  const fields = plainFields({
    error: new TypeError(`bad ${JWT}`), object: { a: 1, token: 'geheim', list: [{ password: 'geheim' }] }, circle, nothing: null,
    missing: undefined, empty: '', zero: 0, no: false, part: 1.23456, big: 1e300, nan: NaN, id: 12n,
  });

  assert.deepEqual(fields, {
    error: 'TypeError: bad eyJ********', object: '{"a":1,"token":"********","list":[{"password":"********"}]}', circle: '[object]',
    nothing: null, zero: 0, no: false, part: 1.235, big: '1e+300', nan: 'NaN', id: '12',
  });
});

test('a line takes no more than the gateway does', () => {
  const fields = plainFields({ long: 'x'.repeat(5000), ...Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`n${index}`, index])) });

  assert.equal(Object.keys(fields).length, 20);
  assert.equal(fields.long.length, 1000);
});

test('a secret at the place where a text is cut is hidden all the same', () => {
  const { detail } = plainFields({ detail: `${'x'.repeat(990)} ${JWT}` });

  assert.ok(!detail.includes('eyJhbG'), detail.slice(-20));
});
