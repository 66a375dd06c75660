import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CAPACITY, Log } from '../../../app/holdfast/web/client/log/log.js';
import { download, textOf } from '../../../app/holdfast/web/client/log/log-file.js';
import { fakeEnvironment } from '../fakes.mjs';

test('the file has the facts of the browser, then each line', () => {
  const environment = fakeEnvironment({ baseUrl: 'https://app.example/room?token=geheim' });
  environment.online = false;
  const log = new Log(environment);
  for (let number = 0; number < CAPACITY + 5; number += 1) log.write('info', 'counted', { number });

  const [facts, ...lines] = textOf(log, environment).trimEnd().split('\n').map((line) => JSON.parse(line));

  assert.deepEqual([facts.page, facts.agent, facts.language, facts.is_online, facts.lines_before], ['https://app.example', 'Fake/1.0', 'en', false, 5]);
  assert.deepEqual(lines, log.lines);
});

test('the browser saves it under the time, and keeps nothing of it', async () => {
  const saved = [];
  const link = { click: () => saved.push({ name: link.download, href: link.href }), remove: () => saved.push('removed') };
  const document = Object.assign(new EventTarget(), { createElement: () => link, body: { append: () => saved.push('appended') } });
  const environment = fakeEnvironment({ document });
  const log = new Log(environment);
  log.write('info', 'said');

  download(log, environment);

  assert.deepEqual([saved[0], saved[2]], ['appended', 'removed']);
  assert.match(saved[1].name, /^holdfast-2027-01-15T08-00-00\.ndjson$/);
  assert.equal(await (await fetch(saved[1].href)).text(), textOf(log, environment));
  await environment.clock.advance(60_000);
  await assert.rejects(fetch(saved[1].href));
});
