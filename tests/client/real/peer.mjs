/** A client of one transport: commands with their replies, publications in order, and what a test waits for. */

import { browserEnvironment } from '../../../app/holdfast/web/client/environment.js';
import { partOf } from '../../../app/holdfast/web/client/connector.js';
import { load } from '../../../app/holdfast/web/client/on-demand.js';

export const environment = browserEnvironment();

const PATIENCE = 20_000;

export class Peer {
  publications = [];
  pushes = [];
  isOpen = false;
  ending = null;
  #waiting = new Map();
  #watchers = new Set();
  #id = 0;
  #transport;

  /** @param {string} name @param {number} port @param {number} [handshakeTimeout] */
  constructor(name, port, handshakeTimeout = 10_000) {
    const base = `http://127.0.0.1:${port}`;
    this.name = name;
    this.target = { url: `${base}/connection/${name}`, emulationUrl: `${base}/emulation`, handshakeTimeout, spread: () => 500 };
  }

  /** Connect; resolves with the connect reply. */
  async open(token) {
    const { maker } = await load(partOf(this.name));
    this.#transport = maker(this.target, environment, {
      onOpen: () => this.#tell(() => (this.isOpen = true)),
      onMessages: (messages) => this.#tell(() => messages.forEach((message) => this.#onMessage(message))),
      onEnd: (ending) => this.#tell(() => (this.ending = ending)),
    });
    return this.#expect((id) => this.#transport.open([{ id, connect: { token } }]));
  }

  request(method, params) {
    return this.#expect((id) => this.#transport.send([{ id, [method]: params }]));
  }

  close() {
    this.#transport.close();
  }

  /** Wait until something is so. */
  until(isSo, what) {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!isSo()) return;
        clearTimeout(timer);
        this.#watchers.delete(look);
        resolve();
      };
      const late = () => reject(new Error(`waited in vain for ${what}; ended: ${JSON.stringify(this.ending)}`));
      const timer = setTimeout(late, PATIENCE);
      this.#watchers.add(look);
      look();
    });
  }

  async #expect(send) {
    const id = ++this.#id;
    send(id);
    await this.until(() => this.#waiting.has(id) || this.ending, `a reply to command ${id}`);
    const reply = this.#waiting.get(id);
    if (!reply) throw Object.assign(new Error(`ended: ${this.ending.slug}`), { ending: this.ending });
    if (reply.error) throw Object.assign(new Error(reply.error.message), reply.error);
    return Object.values(reply).find((value) => value instanceof Object);
  }

  #onMessage(message) {
    if (message.id !== undefined) {
      if (this.#waiting.has(message.id)) throw new Error(`a second reply to ${message.id}`);
      this.#waiting.set(message.id, message);
    } else if (message.push?.pub) {
      this.publications.push(message.push.pub);
    } else if (message.push) {
      this.pushes.push(message.push);
    } else {
      this.#transport.send([{}]);
    }
  }

  #tell(happen) {
    happen();
    for (const look of [...this.#watchers]) look();
  }
}
