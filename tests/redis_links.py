"""A way to Redis that is none: it remembers the scripts and gives the answers that a test chose."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from holdfast.broker.redis_connect import Address
from holdfast.broker.redis_keys import Keys
from holdfast.broker.redis_link import Script
from holdfast.settings_broker import RedisSettings


class ScriptedLink:
    """A `RedisLink` for what runs scripts and commands; an answer that is an exception is raised."""

    publish_command = "PUBLISH"

    def __init__(self, *answers: Any) -> None:
        self.settings = RedisSettings()
        self.keys = Keys("p")
        self.answers = deque(answers)
        self.calls: list[tuple[Script, list[bytes], list[Any]]] = []
        self.commands: list[tuple[Any, ...]] = []

    async def run_script(self, script: Script, keys: Sequence[bytes], args: Sequence[Any] = (), lane: str = "") -> Any:
        """Remember a call and give the next answer."""
        self.calls.append((script, list(keys), list(args)))
        return self._answer()

    async def run(self, key: bytes, *command: Any, lane: str = "") -> Any:
        """Remember a command and give the next answer."""
        self.commands.append(command)
        return self._answer()

    async def masters(self) -> list[Address]:
        """Return one server."""
        return [Address("a", 1)]

    async def call_at(self, address: Address, *command: Any, lane: str = "") -> Any:
        """Remember a command and give the next answer."""
        self.commands.append(command)
        return self._answer()

    def _answer(self) -> Any:
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer
