"""Drives the browser client in Node: commands go in, what happens comes out (see client/drive.mjs)."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).parent / "client" / "drive.mjs"
PATIENCE_SECONDS = 60.0

Event = dict[str, Any]


class Driver:
    """One client in a Node process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._events: queue.Queue[Event | None] = queue.Queue()
        self.seen: list[Event] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def do(self, name: str, **parameters: Any) -> None:
        """Give a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": name, **parameters}) + "\n")
        self._process.stdin.flush()

    def next(self, event: str, **values: Any) -> Event:
        """Return the next event of that name with these values; those before it are in `seen`."""
        while True:
            try:
                found = self._events.get(timeout=PATIENCE_SECONDS)
            except queue.Empty:
                raise AssertionError(f"no {event} {values} after {self.seen[-20:]}") from None
            assert found is not None, f"the client ended after {self.seen[-20:]}"
            assert found["event"] != "unhandled", found
            self.seen.append(found)
            if found["event"] == event and values.items() <= found.items():
                return found

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)


@contextmanager
def driven_client(url: str, **options: Any) -> Iterator[Driver]:
    """Run a client for the length of a block."""
    command = ["node", str(PROGRAM)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) as process:
        driver = Driver(process)
        try:
            driver.do("make", url=url, **options)
            yield driver
        finally:
            driver.end()
