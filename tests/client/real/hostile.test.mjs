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

/** By host, of both streams and of the poll. */
const NAMES = {
  redirect: ['captive_portal', 'captive_portal'],
  'login page': ['captive_portal', 'captive_portal'],
  'error 500': ['upgrade_no_gateway', 'upgrade_no_gateway'],
  'no such path': ['path_not_found', 'path_not_found'],
  'empty answer': ['answer_malformed', 'answer_malformed'],
  'other type': ['answer_malformed', 'answer_malformed'],
  reset: ['open_failed', 'open_failed'],
  'garbage line': ['message_malformed', 'answer_malformed'],
  'half a line': ['connection_cut', 'answer_malformed'],
  'cut in the middle': ['connection_cut', 'answer_malformed'],
  'line without an end': ['message_oversized', 'answer_malformed'],
};

// Most of their time is waiting.
describe('a host that is no gateway', { concurrency: 8 }, () => {
  for (const [host, [ofStream, ofPoll]] of Object.entries(NAMES)) {
    for (const [name, slug] of Object.entries({ http_stream: ofStream, sse: ofStream, poll: ofPoll })) {
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

        assert.equal(requests, before); // nothing goes on by itself
        assert.ok(requests <= 3);
        server.closeAllConnections();
        server.close();
      });
    }
  }
});
