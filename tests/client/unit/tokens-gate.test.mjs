import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate } from '../../../app/holdfast/web/client/tokens/gate.js';
import { fakeEnvironment, settle } from '../fakes.mjs';

function gateOf() {
  const environment = fakeEnvironment();
  const gate = new Gate(environment);
  const passed = [];
  const pass = () => gate.pass().then(() => passed.push(environment.clock.time));
  return { gate, clock: environment.clock, passed, pass };
}

test('an open gate holds nobody up', async () => {
  const { pass, passed } = gateOf();
  pass();
  await settle();

  assert.deepEqual(passed, [0]);
});

test('a closed gate holds up until its time has come', async () => {
  const { gate, clock, pass, passed } = gateOf();
  gate.close(5000);
  pass();
  await clock.advance(4999);
  assert.deepEqual(passed, []);
  await clock.advance(1);

  assert.deepEqual(passed, [5000]);
});

test('an opened gate lets through who waits and who comes', async () => {
  const { gate, clock, pass, passed } = gateOf();
  gate.close(5000);
  pass();
  await clock.advance(1000);
  gate.open();
  await settle();
  pass();
  await settle();

  assert.deepEqual(passed, [1000, 1000]);
  assert.equal(clock.pending, 0);
});

test('who does not want to wait any longer leaves no timer, and the gate stays closed', async () => {
  const { gate, clock, pass, passed } = gateOf();
  gate.close(5000);
  pass();
  await clock.advance(1000);
  gate.leave();
  await settle();
  assert.equal(clock.pending, 0);
  pass();
  await clock.advance(4000);

  assert.deepEqual(passed, [1000, 5000]);
});
