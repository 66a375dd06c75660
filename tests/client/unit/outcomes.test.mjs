import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outcomes } from '../../../app/holdfast/web/client/transports/outcomes.js';
import { fakeEnvironment } from '../fakes.mjs';

const make = () => {
  const told = [];
  const choice = { next: () => 'websocket', onOutcome: (name, outcome) => told.push([name, outcome]) };
  const environment = fakeEnvironment();
  return { told, environment, outcomes: new Outcomes(choice, environment) };
};

const UNOPENED = { code: 1006, reason: '', wasOpen: false };

test('an end is told with what became of the attempt', () => {
  const { told, environment, outcomes } = make();
  const ending = { code: 3001, reason: 'shutdown', wasOpen: true };
  environment.clock.time = 5000;
  outcomes.ended({ transport: 'websocket', connectedAt: 1000 }, ending, true);

  assert.deepEqual(told, [['websocket', { wasOpen: true, didConnect: true, lived: 4000, ending, heard: undefined, isExcused: false }]]);
});

test('what never opened is held back for the server\'s word', () => {
  const { told, outcomes } = make();
  const session = { transport: 'websocket', connectedAt: null };
  outcomes.ended(session, UNOPENED, true);
  assert.deepEqual(told, []);
  outcomes.explained({}, 'accept_rate');
  outcomes.explained(session, 'accept_rate');

  assert.equal(told[0][1].heard, 'cause');
});

test('a trial beside the present connection is told at once', () => {
  const { told, outcomes } = make();
  outcomes.ended({ transport: 'websocket', connectedAt: null }, UNOPENED, false);

  assert.equal(told.length, 1);
});

test('without a word in time it is told as it is, once', () => {
  const { told, outcomes } = make();
  const session = { transport: 'websocket', connectedAt: null };
  outcomes.ended(session, UNOPENED, true);
  assert.equal(outcomes.next(), 'websocket');
  outcomes.explained(session, 'accept_rate');
  outcomes.next();

  assert.deepEqual(told.map(([, { heard }]) => heard), [undefined]);
});

test('a device without a network is excused', () => {
  const { told, environment, outcomes } = make();
  environment.online = false;
  outcomes.ended({ transport: 'poll', connectedAt: 0 }, { code: 1006, reason: '', wasOpen: true }, false);

  assert.equal(told[0][1].isExcused, true);
});

test('a path that is not there is told as such', () => {
  const { told, outcomes } = make();
  const session = { transport: 'websocket', connectedAt: null };
  outcomes.ended(session, UNOPENED, true);
  outcomes.explained(session, 'path_not_found');

  assert.equal(told[0][1].ending.slug, 'path_not_found');
});
