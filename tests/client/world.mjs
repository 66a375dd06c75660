/** A service under test, and a scripted server at the other end of its sockets. */

import { ResilientWebSocketService } from '../../app/holdfast/web/client/service.js';
import { fakeEnvironment, FakeWebSocket, settle } from './fakes.mjs';

export const EVENTS = ['state', 'connecting', 'connected', 'disconnected', 'message', 'error', 'login', 'transport'];

/** @param {object} options  of the service @param {object} changes  of the environment */
export function makeWorld(options = {}, changes = {}) {
  const environment = fakeEnvironment(changes);
  const service = new ResilientWebSocketService('/connection/websocket', {
    environment, transports: ['websocket'], ...options,
  });
  const events = [];
  for (const name of EVENTS) service.addEventListener(name, ({ detail }) => events.push([name, detail]));
  return { environment, clock: environment.clock, service, events, named: (name) => events.filter(([one]) => one === name) };
}

/** The newest socket. */
export const socket = () => FakeWebSocket.made.at(-1);

/** Sockets that a client holds open, or is opening. */
export const liveSockets = () => FakeWebSocket.made.filter(({ readyState }) => readyState <= 1);

/** Run the service up to its next socket, open it and answer its connect command. */
export async function establish(world, reply = {}) {
  const before = FakeWebSocket.made.length;
  for (let step = 0; step < 50 && FakeWebSocket.made.length === before; step += 1) {
    await world.clock.advance(world.clock.untilNext ?? 0);
  }
  return answerConnect(socket(), reply);
}

/** Open a socket and answer its connect command, which is returned. */
export async function answerConnect(end, reply = {}) {
  end.accept();
  await settle();
  const [command] = end.take();
  end.say({ id: command.id, connect: { client: `c${command.id}`, ping: 25, pong: true, ...reply } });
  await settle();
  return command;
}
