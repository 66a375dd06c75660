/** A TCP relay before a gateway or a proxy, whose connections a test cuts. */

import net from 'node:net';

/** @param {number} port  to pass on to */
export async function relayTo(port) {
  const sockets = new Set();
  const server = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    for (const [from, to] of [[near, far], [far, near]]) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => sockets.forEach((socket) => socket.resetAndDestroy());
  return {
    port: server.address().port,
    cut,
    close() {
      server.close();
      cut();
    },
  };
}
