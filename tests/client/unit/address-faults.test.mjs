import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isMisplaced, schemeFault } from '../../../app/holdfast/web/client/address-faults.js';

const html = (status) => new Response('<html>', { status, headers: { 'content-type': 'text/html' } });
const gateway = (status, slug) => new Response(JSON.stringify({ slug }), { status });

test('a gateway that is there answers at the address of the WebSocket, though not with a page', async () => {
  const asked = [];
  const answering = (answer) => async (url) => asked.push(url) && answer;

  assert.equal(await isMisplaced('wss://a.example/ws', answering(gateway(404, 'not_found'))), true);
  assert.equal(await isMisplaced('ws://a.example/ws', answering(html(200))), true);
  assert.equal(await isMisplaced('ws://a.example/ws', answering(gateway(426, 'upgrade_required'))), false);
  assert.equal(await isMisplaced('ws://a.example/ws', answering(html(503))), false);
  assert.deepEqual(asked.slice(0, 2), ['https://a.example/ws', 'http://a.example/ws']);
});

/** What is found, where only these addresses answer. */
async function found(address, page, answers = {}) {
  const look = async (url, init = {}) => {
    if (!answers[url]) throw new TypeError('Failed to fetch');
    assert.equal(init.mode === 'no-cors', init.redirect === 'follow', 'browsers refuse such a request');
    return answers[url]();
  };
  return schemeFault(address, page, look);
}

test('a page that came by https may go nowhere without it, but to its own machine', async () => {
  assert.equal(await found('http://a.example/explain', 'https://a.example/'), 'mixed_content');
  for (const host of ['localhost:8000', '127.0.0.1', '[::1]:8000']) assert.equal(await found(`http://${host}/explain`, 'https://a.example/'), '');
});

test('a port that answers with TLS alone wants it', async () => {
  const answers = { 'https://a.example:8443/explain': () => html(404), 'https://b.example/explain': () => html(200) };

  assert.equal(await found('http://a.example:8443/explain', 'http://a.example/', answers), 'tls_required');
  assert.equal(await found('http://b.example/explain', 'http://a.example/', answers), 'tls_required');
  assert.equal(await found('http://c.example/explain', 'http://a.example/', answers), '');
});

test('only a gateway that says so without TLS has none: other answers, and another port, prove nothing', async () => {
  const answers = {
    'http://a.example:8000/explain': () => gateway(404, 'unknown_attempt'),
    'http://b.example:8443/explain': () => html(400),
    'http://c.example/explain': () => gateway(404, 'unknown_attempt'),
  };

  assert.equal(await found('https://a.example:8000/explain', 'http://localhost/', answers), 'tls_not_spoken');
  assert.equal(await found('https://b.example:8443/explain', 'http://localhost/', answers), '');
  assert.equal(await found('https://c.example/explain', 'http://localhost/', answers), '');
});
