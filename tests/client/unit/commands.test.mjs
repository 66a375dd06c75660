import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultOf, payload } from '../../../app/holdfast/web/client/commands.js';

test('what JSON carries is fit to be sent', () => {
  assert.equal(faultOf({ channel: 'a', data: { any: ['thing'] } }, 65_536), null);
  assert.equal(faultOf({ method: 'rpc', data: null }, 65_536), null);
});

test('what JSON cannot carry is a TypeError instead of a dead connection', () => {
  const circular = {};
  circular.self = circular;
  for (const data of [circular, 1n]) assert.ok(faultOf({ channel: 'a', data }, 65_536) instanceof TypeError);
});

test('a command without a channel name is a TypeError', () => {
  for (const channel of [undefined, '', 5, null]) assert.ok(faultOf({ channel, data: 1 }, 65_536) instanceof TypeError);
});

test('a command that the server would not take is named, in bytes of UTF-8', () => {
  assert.equal(faultOf({ channel: 'a', data: 'x'.repeat(65_000) }, 65_536), null);
  assert.equal(faultOf({ channel: 'a', data: 'x'.repeat(65_536) }, 65_536).slug, 'message_too_big');
  assert.equal(faultOf({ channel: 'a', data: '€'.repeat(30_000) }, 65_536).slug, 'message_too_big');
});

test('undefined travels as null', () => {
  assert.equal(payload(undefined), null);
  assert.equal(payload(0), 0);
});
