import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { LONGEST_TEXT } from '../../../app/holdfast/web/client/transports/lines.js';
import { websocketTransport } from '../../../app/holdfast/web/client/transports/websocket.js';
import { fakeEnvironment, FakeWebSocket } from '../fakes.mjs';

let told;

const make = (changes) => {
  told = [];
  const events = {
    onOpen: () => told.push('open'),
    onMessages: (messages) => told.push(messages),
    onEnd: (ending) => told.push(ending),
  };
  const transport = websocketTransport({ url: 'wss://a.example/c?cid=1' }, fakeEnvironment(changes), events);
  transport.open([{ id: 1, connect: {} }]);
  return { transport, socket: FakeWebSocket.made[0] };
};

beforeEach(() => (told = []));

test('commands and messages travel as lines of one text frame', () => {
  const { transport, socket } = make();
  socket.accept();
  transport.send([{ id: 2 }, {}]);
  socket.sayText('{"id":1}\n\n{}\n');

  assert.equal(socket.url, 'wss://a.example/c?cid=1');
  assert.equal(socket.protocols, undefined);
  assert.deepEqual(socket.sent, ['{"id":1,"connect":{}}', '{"id":2}\n{}']);
  assert.deepEqual(told, ['open', [{ id: 1 }, {}]]);
});

test('an end is told once, with its code, and nothing after it', () => {
  const { transport, socket } = make();
  socket.accept();
  socket.end(3001, 'shutdown');
  socket.sayText('{}');
  transport.close();
  transport.send([{}]);

  assert.deepEqual(told, ['open', { code: 3001, reason: 'shutdown', wasOpen: true }]);
});

test('close ends at once, also where the network is silent', () => {
  const { transport, socket } = make();
  transport.close(4000, 'open_timeout');

  assert.deepEqual(told, [{ code: 4000, reason: 'open_timeout', wasOpen: false }]);
  assert.deepEqual(socket.closedWith, { code: 4000, reason: 'open_timeout' });
});

test('garbage and what is too long are named and end the connection', () => {
  const cases = ['{', '5', '[]', 'null', '<html>', '{}\n5'].map((data) => [data, 'message_malformed']);
  const tooLong = { length: LONGEST_TEXT + 1 };
  for (const [data, slug] of [...cases, [new ArrayBuffer(4), 'message_malformed'], [tooLong, 'message_malformed']]) {
    const { socket } = make();
    socket.accept();
    socket.sayText(data);
    socket.sayText('{}');

    assert.deepEqual(told.slice(1), [{ code: 4000, reason: '', slug, wasOpen: true }]);
  }
  const { socket } = make();
  socket.accept();
  socket.sayText(' '.repeat(LONGEST_TEXT + 1));
  assert.equal(told[1].slug, 'message_oversized');
});

test('a browser that refuses to open one is told as an end', () => {
  const forbidden = class {
    constructor() {
      throw new DOMException('mixed content', 'SecurityError');
    }
  };
  make({ WebSocket: forbidden });

  assert.equal(told[0].slug, 'transport_unsupported');
});

test('a code that pages may not send is left out', () => {
  const { transport, socket } = make();
  socket.accept();
  const { close } = socket;
  socket.close = (code) => {
    if (code === 1001) throw new DOMException('not allowed', 'InvalidAccessError');
    close.call(socket, code);
  };
  transport.close(1001, '');

  assert.equal(socket.closedWith.code, 1000);
});
