import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimsOf, tokenFault, withoutTokens } from '../../../app/holdfast/web/client/tokens/check.js';
import { fakeToken } from '../fakes.mjs';

const NOW = 1_800_000_000;
const encode = (text) => Buffer.from(text).toString('base64url');

test('a token that could be one has no fault', () => {
  assert.equal(tokenFault(fakeToken({ sub: 'anna', exp: NOW + 60 }), NOW), null);
  assert.equal(tokenFault(fakeToken({ sub: 'José 🎉' }), NOW), null);
});

test('each fault has the slug that the gateway gives it', () => {
  const header = encode('{"alg":"HS256"}');
  const rows = [
    [undefined, 'token_missing'], [null, 'token_missing'], ['', 'token_empty'], ['  \n', 'token_empty'], ['null', 'token_empty'],
    ['undefined', 'token_empty'], [{}, 'token_malformed'], ['abc', 'token_malformed'], ['a.b', 'token_malformed'],
    ['<html>hello</html>', 'token_malformed'], ['a.b.c.d', 'token_malformed'], [`${header}.e+/=.x`, 'token_not_base64'],
    [`Bearer ${header}.e30.x`, 'token_not_base64'], [`${header}.${encode('[]')}.xx`, 'token_malformed'],
    [`${encode('7')}.e30.xx`, 'token_malformed'], [`${header}.${encode('{"exp":')}.xx`, 'token_malformed'],
    [fakeToken({ exp: '2030' }), 'token_claims'], [fakeToken({ exp: NOW - 5 }), 'token_expired'],
    [fakeToken({ nbf: NOW + 3600 }), 'token_not_yet_valid'],
  ];

  for (const [token, slug] of rows) assert.equal(tokenFault(token, NOW)?.slug, slug, String(token));
});

test('without a clock to trust nothing has expired', () => {
  assert.equal(tokenFault(fakeToken({ exp: NOW - 9999 }), null), null);
});

test('a fault never has the token in its detail', () => {
  const token = fakeToken({ sub: 'anna', exp: NOW - 100 });

  for (const one of [token, `${token}=`, `${token}.x`]) assert.ok(!tokenFault(one, NOW).detail.includes(token.slice(0, 12)));
});

test('claims are none where there is no token', () => {
  assert.equal(claimsOf(fakeToken({ sub: 'anna' })).sub, 'anna');
  for (const token of [undefined, '', 'x', 'a.b.c']) assert.deepEqual(claimsOf(token), {});
});

test('texts of others lose what could be a token, and are bounded', () => {
  const token = fakeToken({ sub: 'anna' });

  assert.equal(withoutTokens(`bad token ${token} for docs.example.com`), 'bad token … for docs.example.com');
  assert.ok(withoutTokens('long words '.repeat(1e5)).length <= 500);
});
