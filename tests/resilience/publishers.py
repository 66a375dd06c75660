"""Publishers over the HTTP API: each numbers the messages of its channel, and repeats what failed for a while.

One after the other per channel, so that numbers are sent in order; a repetition has the same idempotency key. A
message counts as acknowledged when the API said so, and only then does the next one follow.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.gateway import API_KEY

REQUEST_SECONDS = 5.0
PAUSES_SECONDS = (0.05, 0.5)  # between repetitions
GIVE_UP_SECONDS = 60.0  # what has no answer by then stays undecided
STOP_SECONDS = GIVE_UP_SECONDS + 2 * REQUEST_SECONDS


@dataclass
class Published:
    """What the publishers came to."""

    acknowledged: dict[str, int] = field(default_factory=dict)  # the last number of each channel
    repeated: Counter[str] = field(default_factory=Counter)  # temporary errors, by their name
    refused: Counter[str] = field(default_factory=Counter)  # those that no repetition would cure
    undecided: int = 0
    longest_seconds: float = 0.0  # from the first attempt to the acknowledgement

    @property
    def total(self) -> int:
        """Messages acknowledged."""
        return sum(self.acknowledged.values())


class Publishers:
    """One publisher for each channel, in a thread of their own, from `start` to `stop`."""

    def __init__(
        self, url: str, channels: Sequence[str], interval: float, padding: int = 0, key: str = API_KEY
    ) -> None:
        self._key = key
        self.published = Published(dict.fromkeys(channels, 0))
        self._url = f"{url}/api/publish"
        self._interval = interval
        self._padding = "x" * padding
        self._run = uuid.uuid4().hex[:8]
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._publish()), daemon=True)

    def start(self) -> Publishers:
        """Begin."""
        self._thread.start()
        return self

    def stop(self) -> Published:
        """Send no further message, and return once each that was begun is decided."""
        self._is_stopping.set()
        self._thread.join(STOP_SECONDS)
        assert not self._thread.is_alive(), "the publishers do not end"
        return self.published

    def abandon(self) -> None:
        """Send no further message; what was begun is given up with the test."""
        self._is_stopping.set()

    # Private methods

    async def _publish(self) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        headers = {"X-API-Key": self._key}
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session:
            await asyncio.gather(*(self._channel(session, name) for name in self.published.acknowledged))

    async def _channel(self, session: aiohttp.ClientSession, channel: str) -> None:
        await asyncio.sleep(random.uniform(0, self._interval))
        while not self._is_stopping.is_set():
            number = self.published.acknowledged[channel] + 1
            if not await self._until_acknowledged(session, channel, number):
                return
            self.published.acknowledged[channel] = number
            await asyncio.sleep(self._interval * random.uniform(0.5, 1.5))

    async def _until_acknowledged(self, session: aiohttp.ClientSession, channel: str, number: int) -> bool:
        began = time.monotonic()
        key = f"{self._run}-{channel}-{number}"
        while time.monotonic() - began < GIVE_UP_SECONDS:
            data = {"number": number, "at": time.time() * 1000, "padding": self._padding}
            fault, is_temporary = await _attempt(
                session, self._url, {"channel": channel, "data": data, "idempotency_key": key}
            )
            if not fault:
                self.published.longest_seconds = max(self.published.longest_seconds, time.monotonic() - began)
                return True
            if not is_temporary:
                self.published.refused[fault] += 1
                return False
            self.published.repeated[fault] += 1
            await asyncio.sleep(random.uniform(*PAUSES_SECONDS))
        self.published.undecided += 1
        return False


async def _attempt(session: aiohttp.ClientSession, url: str, request: dict[str, Any]) -> tuple[str, bool]:
    """Return what is wrong, empty where nothing is, and whether it may be right a moment later."""
    try:
        async with session.post(url, json=request) as response:
            return verdict(response.status, await response.read())
    except TimeoutError:
        return "timeout", True
    except aiohttp.ClientError as error:
        return type(error).__name__, True


def verdict(status: int, body: bytes) -> tuple[str, bool]:
    """Judge an answer of the API, or of the proxy before it, as a publisher would."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    answer = answer if isinstance(answer, dict) else {}
    if status == 200 and "result" in answer:
        return "", False
    error = answer.get("error")
    slug = error.get("message", "") if isinstance(error, dict) else ""
    is_temporary = status >= 500 or status == 429 or (isinstance(error, dict) and error.get("code") == 100)
    return slug or f"HTTP {status}", is_temporary
