"""What the sessions of the reference client share: messages, how a session is lost, and delays between attempts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import httpx

Message = dict[str, Any]
Handle = Callable[[Message], None]


class SessionLost(Exception):
    """The gateway knows this session no longer, or will not have its requests."""

    def __init__(self, status: int, slug: str) -> None:
        super().__init__(status, slug)
        self.status = status
        self.slug = slug


class Backoff:
    """Delays that grow and are random, between attempts that fail."""

    def __init__(self, least: float, most: float) -> None:
        self._least = least
        self._most = most
        self._attempt = 0

    async def wait(self) -> None:
        """Wait before the next attempt."""
        await asyncio.sleep(random.uniform(self._least, min(self._most, self._least * 2**self._attempt)))
        self._attempt = min(self._attempt + 1, 16)

    def reset(self) -> None:
        """Begin anew after a success."""
        self._attempt = 0


def slug_of(answer: httpx.Response) -> str:
    """Return the cause that a refusal names."""
    try:
        return str(answer.json()["slug"])
    except (ValueError, KeyError, TypeError):
        return ""
