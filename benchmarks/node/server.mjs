// The protocol logic of the gateway, as far as the benchmark needs it, on Node's `ws` as an expert
// would write it: one prepared frame per publication, no compression, pings from shared buckets.
// @ts-check
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { WebSocketServer, Sender } from "ws";

const port = Number(process.env.BENCH_PORT);
const secret = process.env.BENCH_SECRET ?? "";
const apiKey = Buffer.from(process.env.BENCH_API_KEY ?? "");
const pingSeconds = Number(process.env.BENCH_PING_SECONDS);
const pongSeconds = Number(process.env.BENCH_PONG_SECONDS);

/** @type {Map<string, Set<import("ws").WebSocket>>} */
const channels = new Map();
const buckets = Array.from({ length: Math.ceil(pingSeconds) }, () => new Set());
const ping = frame("{}");
let second = 0;

/** @param {string} text @returns {Buffer} one unmasked text frame, ready for any socket */
function frame(text) {
  const options = { fin: true, rsv1: false, opcode: 1, mask: false, readOnly: false };
  return Buffer.concat(Sender.frame(Buffer.from(text), options));
}

/** @param {string} token @returns {{sub: string}} the claims of a valid HS256 token */
function verify(token) {
  const [head, claims, signature] = token.split(".");
  const header = JSON.parse(Buffer.from(head, "base64url").toString());
  if (header.alg !== "HS256") throw new Error("algorithm");
  const expected = createHmac("sha256", secret).update(`${head}.${claims}`).digest();
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw new Error("signature");
  const body = JSON.parse(Buffer.from(claims, "base64url").toString());
  if (body.exp <= Date.now() / 1000) throw new Error("expired");
  return body;
}

/** @param {any} socket @param {any} command */
function answer(socket, command) {
  if (command.connect) {
    socket.user = verify(command.connect.token).sub;
    socket.client = randomUUID();
    const connect = { client: socket.client, ping: pingSeconds, pong: true };
    socket._socket.write(frame(JSON.stringify({ id: command.id, connect })));
  } else if (command.subscribe) {
    const { channel } = command.subscribe;
    let subscribers = channels.get(channel);
    if (!subscribers) channels.set(channel, (subscribers = new Set()));
    subscribers.add(socket);
    socket.channels.push(channel);
    socket._socket.write(frame(JSON.stringify({ id: command.id, subscribe: {} })));
  }
}

const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false });

/** @param {any} socket */
function accept(socket) {
  const bucket = buckets[second % buckets.length];
  socket.channels = [];
  socket.isWaiting = false;
  bucket.add(socket);
  socket.on("message", (/** @type {Buffer} */ data) => {
    for (const line of data.toString().split("\n")) {
      if (line === "{}") socket.isWaiting = false;
      else answer(socket, JSON.parse(line));
    }
  });
  socket.on("close", () => {
    bucket.delete(socket);
    for (const channel of socket.channels) channels.get(channel)?.delete(socket);
  });
  socket.on("error", () => socket.terminate());
}

setInterval(() => {
  second += 1;
  for (const socket of buckets[second % buckets.length]) {
    socket.isWaiting = true;
    socket._socket.write(ping);
  }
  const late = buckets[(second - pongSeconds + buckets.length) % buckets.length];
  for (const socket of late) if (socket.isWaiting) socket.close(3012, "no pong");
}, 1000);

/** @param {{channel: string, data: any}[]} publications written as one buffer per run of a channel */
function fanOut(publications) {
  for (let start = 0, end; start < publications.length; start = end) {
    const { channel } = publications[start];
    const frames = [];
    for (end = start; end < publications.length && publications[end].channel === channel; end += 1) {
      frames.push(frame(JSON.stringify({ push: { channel, pub: { data: publications[end].data } } })));
    }
    const unit = frames.length === 1 ? frames[0] : Buffer.concat(frames);
    for (const socket of channels.get(channel) ?? []) socket._socket.write(unit);
  }
}

const server = createServer((request, response) => {
  const key = Buffer.from(String(request.headers["x-api-key"] ?? ""));
  if (key.length !== apiKey.length || !timingSafeEqual(key, apiKey)) {
    response.writeHead(401).end();
    return;
  }
  /** @type {Buffer[]} */
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = JSON.parse(Buffer.concat(chunks).toString());
    const isBatch = request.url === "/api/batch";
    fanOut(isBatch ? body.commands.map((/** @type {any} */ command) => command.publish) : [body]);
    const text = JSON.stringify(isBatch ? { replies: body.commands.map(() => ({ publish: {} })) } : { result: {} });
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    response.end(text);
  });
});

server.on("upgrade", (request, socket, head) => {
  if (request.url?.split("?")[0] !== "/connection/websocket") socket.destroy();
  else wss.handleUpgrade(request, socket, head, accept);
});
server.listen({ port, host: "127.0.0.1", backlog: 4096 });
process.on("SIGTERM", () => process.exit(0));
