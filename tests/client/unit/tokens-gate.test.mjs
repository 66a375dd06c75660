import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate } from '../../../app/holdfast/web/client/tokens/gate.js';
import { fakeEnvironment, settle } from '../fakes.mjs';

function gateOf() {
  const environment = fakeEnvironment();
  const gate = new Gate(environment);
  const passed = [];
  const pass = (signal = new AbortController().signal) => gate.pass(signal).then(() => passed.push(environment.clock.time));
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

test('somebody in a hurry is let through, and who comes', async () => {
  const { gate, clock, pass, passed } = gateOf();
  gate.close(5000);
  pass();
  await clock.advance(1000);
  gate.hurry();
  await settle();
  pass();
  await settle();

  assert.deepEqual(passed, [1000, 1000]);
  assert.equal(clock.pending, 0);
});

test('who does not want to wait any longer leaves no timer, and the gate stays closed', async () => {
  const { gate, clock, pass, passed } = gateOf();
  const controller = new AbortController();
  gate.close(5000);
  pass(controller.signal);
  await clock.advance(1000);
  controller.abort();
  await settle();
  assert.equal(clock.pending, 0);
  pass();
  await clock.advance(4000);

  assert.deepEqual(passed, [1000, 5000]);
});

test('whoever hurries ten times a second is let through once a second', async () => {
  const { gate, clock, pass, passed } = gateOf();
  for (let moment = 0; moment < 60_000; moment += 100) {
    if (passed.length * 1000 <= clock.time) void pass();
    gate.hurry();
    await settle();
    if (clock.time === passed.at(-1)) gate.close(60_000); // what was let through fails
    await clock.advance(100);
  }

  assert.ok(passed.length > 50 && passed.length <= 60, String(passed.length));
  assert.ok(passed.every((at, index) => index === 0 || at - passed[index - 1] >= 1000));
});
