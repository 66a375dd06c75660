/** Whatever answers in a gateway's place, over real sockets: each transport ends once, with a name, and stays quiet. */

import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';

import { Peer } from './peer.mjs';

const MIB = 1_048_576;
const NDJSON = { 'content-type': 'application/x-ndjson' };
const EVENTS = { 'content-type': 'text/event-stream' };
const JSON_ = { 'content-type': 'application/json' };

/** Write without end, as fast as it is read. */
function flood(response, text) {
  const more = () => {
    while (!response.destroyed && response.write(text));
  };
  response.on('drain', more);
  response.on('error', () => {});
  more();
}

const HOSTS = {
  redirect: (request, response) => {
    if (request.url === '/elsewhere') HOSTS['login page'](request, response);
    else response.writeHead(302, { location: '/elsewhere' }).end();
  },
  'login page': (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Log in'),
  'error 500': (_, response) => response.writeHead(500).end(),
  'no such path': (_, response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<html>'),
  'empty answer': (_, response) => response.writeHead(200).end(),
  'other type': (_, response) => response.writeHead(200, { 'content-type': 'image/png' }).end('PNG'),
  reset: (request) => request.socket.resetAndDestroy(),
  'garbage line': (request, response) => response.writeHead(200, typeFor(request)).end('data: {"a\n\ndata: }\n\n'),
  'half a line': (request, response) => response.writeHead(200, typeFor(request)).end('{"messages":['),
  'cut in the middle': (request, response) => {
    response.writeHead(200, { ...typeFor(request), 'content-length': '100' });
    response.write('{"x":', () => request.socket.resetAndDestroy());
  },
  'line without an end': (request, response) => flood(response.writeHead(200, typeFor(request)), 'x'.repeat(MIB / 4)),
};

const typeFor = (request) => ({ '/connection/http_stream': NDJSON, '/connection/sse': EVENTS })[request.url.split('?')[0]] ?? JSON_;

const NAMES = {
  redirect: { http_stream: 'captive_portal', poll: 'captive_portal', sse: 'answer_malformed' },
  'login page': { http_stream: 'captive_portal', poll: 'captive_portal', sse: 'answer_malformed' },
  'error 500': { http_stream: 'upgrade_no_gateway', poll: 'upgrade_no_gateway', sse: 'answer_malformed' },
  'no such path': { http_stream: 'path_not_found', poll: 'path_not_found', sse: 'answer_malformed' },
  'empty answer': { http_stream: 'answer_malformed', poll: 'answer_malformed', sse: 'answer_malformed' },
  'other type': { http_stream: 'answer_malformed', poll: 'answer_malformed', sse: 'answer_malformed' },
  reset: { http_stream: 'open_failed', poll: 'open_failed', sse: 'open_failed' },
  'garbage line': { http_stream: 'message_malformed', poll: 'answer_malformed', sse: 'message_malformed' },
  'half a line': { http_stream: 'connection_cut', poll: 'answer_malformed', sse: 'connection_cut' },
  'cut in the middle': { http_stream: 'connection_cut', poll: 'answer_malformed', sse: 'connection_cut' },
  // An EventSource collects what no event ends; the session gives it up when no reply comes.
  'line without an end': { http_stream: 'message_oversized', poll: 'answer_malformed' },
};

// Most of their time is waiting.
describe('a host that is no gateway', { concurrency: 8 }, () => {
  for (const [host, names] of Object.entries(NAMES)) {
    for (const [name, slug] of Object.entries(names)) {
      test(`${name} before a host that gives: ${host}`, async () => {
        let requests = 0;
        const server = http.createServer((request, response) => {
          requests += 1;
          HOSTS[host](request, response);
        });
        await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
        const peer = new Peer(name, server.address().port);

        await assert.rejects(peer.open('a.b.c'), (error) => error.ending?.slug === slug || assert.fail(JSON.stringify(error.ending)));
        const before = requests;
        await new Promise((resolve) => setTimeout(resolve, 200));

        assert.equal(requests, before); // nothing goes on by itself, an EventSource neither
        assert.ok(requests <= 3);
        server.closeAllConnections();
        server.close();
      });
    }
  }
});
