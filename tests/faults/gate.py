"""A TCP relay that does something at the moment its first client comes, before it lets anybody on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

TIMEOUT_SECONDS = 30.0


class Gate:
    """`with Gate(port, action) as gate:` listens on `gate.port` and passes everything to `port` of this machine."""

    def __init__(self, port: int, action: Callable[[], object]) -> None:
        self._to = port
        self._action: Callable[[], object] | None = action
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        """Open it."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it, and all that goes through."""
        for one in self._sockets:
            # Closing alone does not wake a thread that waits in accept or recv.
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                if self._action is not None:
                    self._action()
                    self._action = None
                far = socket.create_connection(("127.0.0.1", self._to), TIMEOUT_SECONDS)
            except OSError:
                return
            self._sockets += [near, far]
            for ends in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=ends, daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
