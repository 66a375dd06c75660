// @ts-check
/** The last minute of round trips, drawn on a canvas; a shaded part is time without a connection. */

import { say } from './dom.js';
import { words } from './words.js';

const SPAN = 60_000;
const TOPS = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
const MARGIN = { left: 50, right: 10, top: 12, bottom: 20 };

/** @typedef {{at: number, milliseconds: number}} Point */
/** @typedef {{from: number, to: number | null}} Outage */

export class Chart {
  /** @type {Point[]} */
  #points = [];
  /** @type {Outage[]} */
  #outages = [];
  #canvas;
  #readout;
  #service;

  /** @param {any} service @param {HTMLCanvasElement} canvas @param {HTMLElement} readout */
  constructor(service, canvas, readout) {
    this.#service = service;
    this.#canvas = canvas;
    this.#readout = readout;
    service.addEventListener('round_trip', (/** @type {any} */ { detail }) => this.#add(detail.milliseconds));
    service.addEventListener('state', () => this.#onState());
    this.#onState();
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
    this.#run();
  }

  /** Scroll smoothly where that is wanted, else once a second. */
  #run() {
    const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const next = () => requestAnimationFrame(() => this.#run());
    this.#draw();
    if (isStill) setTimeout(next, 1000);
    else setTimeout(next, 60);
  }

  /** @param {number} milliseconds */
  #add(milliseconds) {
    const now = performance.now();
    this.#points = [...this.#points.filter(({ at }) => now - at < SPAN + 5000), { at: now, milliseconds }];
  }

  #onState() {
    const now = performance.now();
    const last = this.#outages.at(-1);
    const isOut = this.#service.state !== 'connected';
    if (isOut && last?.to !== null) this.#outages.push({ from: now, to: null });
    if (!isOut && last?.to === null) last.to = now;
    this.#outages = this.#outages.filter(({ to }) => to === null || now - to < SPAN);
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const context = this.#canvas.getContext('2d');
    if (!context || width === 0) return;
    const ratio = devicePixelRatio;
    if (this.#canvas.width !== Math.round(width * ratio)) this.#canvas.width = Math.round(width * ratio);
    if (this.#canvas.height !== Math.round(height * ratio)) this.#canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const frame = new Frame(context, this.#canvas, topOf(this.#points));
    frame.outages(this.#outages);
    frame.grid();
    frame.line(this.#points, this.#outages);
    this.#tell();
  }

  #tell() {
    const { rtt, jitter, missed } = this.#service.quality;
    const figure = (/** @type {number | null} */ value) => (value === null ? '–' : `${Math.round(value)} ms`);
    const text = words.text('chart.figures', { rtt: figure(rtt), jitter: figure(jitter), missed });
    say(this.#readout, text);
  }
}

/** @param {Point[]} points */
function topOf(points) {
  const highest = Math.max(0, ...points.map(({ milliseconds }) => milliseconds));
  return TOPS.find((top) => top >= highest * 1.15) ?? highest;
}

/** One picture. */
class Frame {
  #context;
  #box;
  #top;
  #now = performance.now();
  #colours;

  /** @param {CanvasRenderingContext2D} context @param {HTMLCanvasElement} canvas @param {number} top  of the scale */
  constructor(context, canvas, top) {
    const style = getComputedStyle(canvas);
    this.#context = context;
    this.#top = top;
    this.#box = {
      left: MARGIN.left,
      right: canvas.clientWidth - MARGIN.right,
      top: MARGIN.top,
      bottom: canvas.clientHeight - MARGIN.bottom,
    };
    const colour = (/** @type {string} */ name) => style.getPropertyValue(`--chart-${name}`).trim();
    this.#colours = { line: colour('line'), grid: colour('grid'), text: colour('text'), out: colour('out') };
    context.font = `12px ${style.fontFamily}`;
  }

  /** @param {Outage[]} outages */
  outages(outages) {
    const { top, bottom } = this.#box;
    this.#context.fillStyle = this.#colours.out;
    for (const { from, to } of outages) {
      const [start, end] = [this.#x(from), this.#x(to ?? this.#now)];
      if (end > this.#box.left) this.#context.fillRect(start, top, Math.max(2, end - start), bottom - top);
    }
  }

  grid() {
    const context = this.#context;
    const { left, right, bottom } = this.#box;
    Object.assign(context, { strokeStyle: this.#colours.grid, fillStyle: this.#colours.text, lineWidth: 1 });
    Object.assign(context, { textAlign: 'right', textBaseline: 'middle' });
    for (const part of [0, 0.5, 1]) {
      const y = Math.round(this.#y(this.#top * part)) + 0.5;
      context.beginPath();
      context.moveTo(left, y);
      context.lineTo(right, y);
      context.stroke();
      context.fillText(`${this.#top * part}`, left - 8, y);
    }
    context.textBaseline = 'alphabetic';
    const ago = [60, 45, 30, 15, 0];
    for (const seconds of ago) {
      context.textAlign = seconds === 60 ? 'left' : seconds === 0 ? 'right' : 'center';
      context.fillText(seconds === 0 ? words.text('chart.now') : `−${seconds} s`, this.#x(this.#now - seconds * 1000), bottom + 16);
    }
  }

  /** @param {Point[]} points @param {Outage[]} outages  over which no line goes */
  line(points, outages) {
    const context = this.#context;
    Object.assign(context, { strokeStyle: this.#colours.line, lineWidth: 2, lineJoin: 'round', lineCap: 'round' });
    context.beginPath();
    let before = -Infinity;
    for (const { at, milliseconds } of points.filter(({ at }) => this.#now - at < SPAN)) {
      const isBroken = outages.some(({ from }) => from > before && from < at);
      const [x, y] = [this.#x(at), this.#y(milliseconds)];
      if (before === -Infinity || isBroken) context.moveTo(x - 0.5, y); // alone, it is a dot
      context.lineTo(x, y);
      before = at;
    }
    context.stroke();
  }

  /** @param {number} at */
  #x(at) {
    const { left, right } = this.#box;
    return Math.max(left, right - ((this.#now - at) / SPAN) * (right - left));
  }

  /** @param {number} milliseconds */
  #y(milliseconds) {
    const { top, bottom } = this.#box;
    return bottom - (Math.min(milliseconds, this.#top) / this.#top) * (bottom - top);
  }
}
