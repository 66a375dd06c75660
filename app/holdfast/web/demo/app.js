// @ts-check
/** The demo: puts its parts on the page. core.js is the connection. */

import { showStatus } from '/client/status/index.js';
import { restoreForms } from '/client/tokens/forms.js';
import { environment } from './breakable.js';
import { Chart } from './chart.js';
import { Chat, composer } from './chat.js';
import { find, say } from './dom.js';
import { Features } from './features.js';
import { LogView } from './log-view.js';
import { Panel } from './panel.js';
import { People } from './people.js';
import { Proof } from './proof.js';
import { switchesOf } from './switches.js';
import { Typing } from './typing.js';
import { offerLanguages, words } from './words.js';

const place = (/** @type {string} */ id) => find(`#${id}`, HTMLElement);

await words.load();
offerLanguages(find('#language', HTMLSelectElement));
restoreForms();
const core = await import('./core.js');
translateStatus();
showCode();
const user = await whoIsHere();
if (user) begin(user);

/** @returns {Promise<{id: string, name: string} | null>} null for nobody: the page is on its way to the login */
async function whoIsHere() {
  for (;;) {
    try {
      return (await core.login.session())?.user ?? null;
    } catch {
      await core.service.ready().catch(() => new Promise((resolve) => setTimeout(resolve, 1000)));
    }
  }
}

/** @param {{id: string, name: string}} user */
function begin({ id, name }) {
  const { login, service } = core;
  say(place('user'), name);
  place('logout').addEventListener('click', () => void login.logout().catch(() => {})); // a notice says why not
  new Features(service, beginChat(id), { ways: place('ways'), list: place('features') });
  new Chart(service, find('#chart', HTMLCanvasElement), place('figures'));
  new Proof(service, login, {
    button: place('proof'),
    sent: place('proof-sent'),
    received: place('proof-received'),
    waiting: place('proof-waiting'),
    lost: place('proof-lost'),
    doubled: place('proof-doubled'),
  });
  const log = { rows: place('log-rows'), attempt: place('attempt'), copy: place('log-copy'), download: place('log-download') };
  new LogView(service, log);
  new Panel(service, place('switches'), switchesOf(service));
  document.body.classList.remove('waiting');
}

/** @param {string} user @returns the features that may step back, the first one first */
function beginChat(user) {
  const { lobby, service } = core;
  const chat = new Chat(lobby, user, { list: place('messages'), error: place('chat-error') });
  const typing = new Typing(service, user, place('typing'));
  const people = new People(lobby, user, { list: place('people'), count: place('people-count'), live: place('people-live') });
  lobby.addEventListener('publication', (/** @type {any} */ { detail }) => typing.forget(detail.info?.user));
  const write = (/** @type {string} */ text) => {
    typing.done();
    void chat.write(text);
  };
  composer(find('#composer', HTMLFormElement), find('#text', HTMLTextAreaElement), { write, onType: () => typing.tell() });
  return [typing, people];
}

function translateStatus() {
  let shown = core.status;
  words.addEventListener('change', async () => {
    shown.close();
    for (const element of document.querySelectorAll('holdfast-status')) element.replaceWith(document.createElement('holdfast-status'));
    shown = await showStatus(core.service, { notices: core.login, environment });
  });
}

/** The lines that run here, as they are. */
async function showCode() {
  const response = await fetch('/demo/core.js');
  say(place('code'), (await response.text()).replace(/^\/\/ @ts-check\n/, ''));
}
