"""The server's end of a load client's links, played by the test."""

import socket
import threading


class Server:
    """Accepts a connection for each script, in order, and answers each read with the next bytes of its script.

    None in a script hangs up.
    """

    def __init__(self, *scripts):
        self.requests = [[] for _ in scripts]
        self.port = 0
        self._scripts = scripts
        self._socks = {}
        self._threads = []

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept_all)
        return self

    def __exit__(self, *exc):
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def push(self, number, data):
        """Send something unasked on a connection."""
        self._socks[number].sendall(data)

    def _start(self, target, *args):
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept_all(self):
        self._listener.settimeout(5)
        for number, script in enumerate(self._scripts):
            self._socks[number] = self._listener.accept()[0]
            self._start(self._serve, number, script)

    def _serve(self, number, script):
        with self._socks[number] as sock:
            sock.settimeout(5)
            try:
                for answer in script:
                    self.requests[number].append(sock.recv(65536))
                    if answer is None:
                        return
                    sock.sendall(answer)
                while data := sock.recv(65536):
                    self.requests[number].append(data)
            except OSError:
                pass
