"""Publications over the server API, on one kept-alive HTTP connection beside the links."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from types import TracebackType

from benchmarks.load.client import CHANNEL, LoadClient
from benchmarks.load.payloads import compact
from benchmarks.load.requests import RequestLine
from benchmarks.process import BenchmarkError

API_KEY = "a-key-that-only-benchmarks-use"
ANSWER_SECONDS = 60.0


class Publisher:
    """Publishes through `/api/publish` and `/api/batch`; the links are served while it waits."""

    def __init__(self, client: LoadClient, payloads: Iterator[Mapping[str, object]]):
        """Share the epoll set of `client`; `payloads` is the data of one publication after the other."""
        self._client = client
        self._payloads = payloads
        self._line = RequestLine(client, f"X-API-Key: {API_KEY}\r\n")

    def __enter__(self) -> Publisher:
        """Return the publisher; the connection is made by the first call."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the HTTP connection."""
        self._line.close()

    def publish(self) -> None:
        """Publish one publication and wait for the answer."""
        self._call("publish", self._next())

    def batch(self, count: int) -> None:
        """Publish `count` publications in one call and wait for the answer."""
        self._call("batch", {"commands": [{"publish": self._next()} for _ in range(count)]})

    def _next(self) -> dict[str, object]:
        return {"channel": CHANNEL, "data": next(self._payloads)}

    def _call(self, method: str, params: dict[str, object]) -> None:
        self._line.send(f"/api/{method}", compact(params))
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self._line.is_idle:
            self._client.pump(1.0)
            if time.monotonic() > deadline:
                raise BenchmarkError(f"no answer to {method} after {ANSWER_SECONDS:.0f} s")
        if b'"error"' in self._line.answer:
            raise BenchmarkError(f"the API refused: {self._line.answer[:400]!r}")
