"""Numbered publications, one after the other, whatever happens to the gateway meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.browsers.page import Page
from tests.gateway import Gateway

PATIENCE_SECONDS = 60.0


class Traffic:
    """Publishes 1, 2, 3, ... into a channel; each is repeated under its key until the gateway has it."""

    def __init__(self, gateway: Gateway, channel: str, pause_seconds: float = 0.03) -> None:
        self.sent = 0
        self._gateway = gateway
        self._channel = channel
        self._pause_seconds = pause_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._publish, daemon=True)

    def _publish(self) -> None:
        while not self._ended.wait(self._pause_seconds):
            self._publish_for_sure(self.sent + 1)
            self.sent += 1

    def _publish_for_sure(self, number: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        key = f"{self._channel}-{number}"
        while time.monotonic() < deadline:
            try:
                if "result" in self._gateway.call("publish", channel=self._channel, data=number, idempotency_key=key):
                    return
            except (httpx.HTTPError, ValueError):
                pass
            time.sleep(0.02)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> int:
        """End, and return the last number that was published."""
        self._ended.set()
        self._thread.join(PATIENCE_SECONDS)
        return self.sent


@contextmanager
def running(gateway: Gateway, channel: str) -> Iterator[Traffic]:
    """Publish for the length of a block."""
    traffic = Traffic(gateway, channel)
    traffic.start()
    try:
        yield traffic
    finally:
        traffic.stop()


def assert_all_once(page: Page, last: int) -> None:
    """The page gets every number up to the last, once and in order."""
    page.wait(f"seen.publications.at(-1) === {last}")
    got = page.publications()
    assert got == list(range(1, last + 1)), f"{len(got)} of {last} came\n{page.story()}"
    assert page.seen()["gaps"] == []
