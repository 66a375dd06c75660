// @ts-check
/**
 * Counts what comes of what another connection publishes, which no switch but the restart touches: all of it, in order,
 * once. What is published while this connection is away has to be there when it is back.
 */

import { ResilientWebSocketService } from '/client/index.js';
import { say } from './dom.js';
import { words } from './words.js';

/** A channel of `make run` keeps a hundred: enough for a dead link that has to be noticed first. */
const EVERY = 500;

/** @typedef {{button: HTMLElement, sent: HTMLElement, received: HTMLElement, waiting: HTMLElement, lost: HTMLElement, doubled: HTMLElement}} Places */

export class Proof {
  #channel = `numbers-${crypto.randomUUID().slice(0, 8)}`;
  #service;
  #login;
  #places;
  /** @type {ResilientWebSocketService | null} */
  #sender = null;
  #timer = 0;
  #sent = 0;
  #received = 0;
  #highest = 0;
  /** Numbers that the server has, or may have, and that have not come. @type {Set<number>} */
  #expected = new Set();
  /** Numbers whose promise was rejected: whoever publishes was told. Some may come all the same. @type {Set<number>} */
  #refused = new Set();
  #doubled = 0;

  /** @param {any} service @param {import('/client/tokens/login.js').LoginTokens} login @param {Places} places */
  constructor(service, login, places) {
    this.#service = service;
    this.#login = login;
    this.#places = places;
    places.button.addEventListener('click', () => (this.#timer ? this.#stop() : this.#start()));
    login.addEventListener('signedout', () => this.#stop());
    words.addEventListener('change', () => this.#draw());
    this.#draw();
  }

  #start() {
    const sender = (this.#sender ??= this.#makeSender());
    sender.connect();
    this.#timer = setInterval(() => void this.#publish(sender), EVERY);
    this.#draw();
  }

  #stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#draw();
  }

  #makeSender() {
    const counter = this.#service.subscribe(this.#channel);
    counter.addEventListener('publication', (/** @type {any} */ { detail }) => this.#onNumber(detail.data.number));
    const sender = new ResilientWebSocketService('/connection/websocket', { getToken: this.#login.getToken });
    sender.subscribe(this.#channel); // for whoever publishes has to be there
    return sender;
  }

  /** @param {ResilientWebSocketService} sender */
  async #publish(sender) {
    const number = (this.#sent += 1);
    this.#expected.add(number);
    this.#draw();
    await sender.publish(this.#channel, { number }).catch(() => this.#expected.delete(number) && this.#refused.add(number));
    this.#draw();
  }

  /** @param {number} number */
  #onNumber(number) {
    if (number <= this.#highest) this.#doubled += 1;
    else this.#received += 1;
    this.#highest = Math.max(this.#highest, number);
    this.#expected.delete(number);
    this.#refused.delete(number);
    this.#draw();
  }

  #draw() {
    const { button, sent, received, waiting, lost, doubled } = this.#places;
    const missing = [...this.#expected].filter((number) => number < this.#highest).length;
    say(sent, String(this.#sent - this.#refused.size));
    say(received, String(this.#received));
    say(waiting, String(this.#expected.size - missing));
    say(lost, String(missing));
    say(doubled, String(this.#doubled));
    lost.classList.toggle('bad', missing > 0);
    doubled.classList.toggle('bad', this.#doubled > 0);
    say(button, words.text(this.#timer ? 'proof.stop' : 'proof.start'));
  }
}
