import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Commands, faultOf, payload } from '../../../app/holdfast/web/client/commands.js';

const LIMITS = { maxMessageBytes: 65_536, maxChannelLength: 255 };

test('what JSON carries is fit to be sent', () => {
  assert.equal(faultOf({ channel: 'a', data: { any: ['thing'] } }, LIMITS), null);
  assert.equal(faultOf({ method: 'rpc', data: null }, LIMITS), null);
});

test('what JSON cannot carry is a TypeError instead of a dead connection', () => {
  const circular = {};
  circular.self = circular;
  for (const data of [circular, 1n]) assert.ok(faultOf({ channel: 'a', data }, LIMITS) instanceof TypeError);
});

test('a command without a channel name is a TypeError', () => {
  for (const channel of [undefined, '', 5, null]) assert.ok(faultOf({ channel, data: 1 }, LIMITS) instanceof TypeError);
});

test('a command that the server would not take is named, in bytes of UTF-8', () => {
  assert.equal(faultOf({ channel: 'a', data: 'x'.repeat(65_000) }, LIMITS), null);
  assert.equal(faultOf({ channel: 'a', data: 'x'.repeat(65_536) }, LIMITS).slug, 'message_too_big');
  assert.equal(faultOf({ channel: 'a', data: '€'.repeat(30_000) }, LIMITS).slug, 'message_too_big');
});

test('undefined travels as null', () => {
  assert.equal(payload(undefined), null);
  assert.equal(payload(0), 0);
});

test('a name that no channel has is a TypeError that says what was expected, what came, and what to do', () => {
  const commands = new Commands(() => assert.fail('sent'), LIMITS);
  const rows = [[undefined, 'undefined'], [null, 'object'], [5, 'number'], [{ toString: 1 }, 'object'], ['', '0'], ['x'.repeat(256), '256']];
  for (const [channel, came] of rows) {
    const message = `expected the name of a channel, 1 to 255 characters, got ${came}: name one`;
    assert.throws(() => commands.check(channel), { name: 'TypeError', message });
  }
  for (const channel of ['a', 'x'.repeat(255), '😀'.repeat(255)]) commands.check(channel);
});
