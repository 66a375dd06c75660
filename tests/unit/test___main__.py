from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from holdfast.__main__ import main


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    """Give Ctrl-C its handler back."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Command(ModuleType):
    """The command line as a module; `loaded` runs when `main` of it is looked for."""

    def __init__(self, loaded: Callable[[], object], run: Callable[[], object]) -> None:
        super().__init__("holdfast.cli")
        self._loaded, self._run = loaded, run

    def __getattr__(self, name: str) -> Any:
        """Return the command, as `from holdfast.cli import main` asks for it."""
        if name != "main":
            raise AttributeError(name)
        self._loaded()
        return self._run


def interrupt() -> None:
    """Press Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


def test_interrupt_while_loading_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 130, and no exception that could pass through modules half loaded."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setitem(sys.modules, "holdfast.cli", Command(interrupt, lambda: None))

    main()

    assert codes == [130]


def test_interrupt_of_a_command_is_its_own_affair(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has Python's handler, and what it does not answer ends it with 130."""
    seen: list[object] = []

    def run() -> None:
        seen.append(signal.getsignal(signal.SIGINT))
        interrupt()

    monkeypatch.setitem(sys.modules, "holdfast.cli", Command(lambda: None, run))
    with pytest.raises(SystemExit) as ended:
        main()

    assert (seen, ended.value.code) == ([signal.default_int_handler], 130)


def test_ignored_interrupt_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a job that a shell runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    monkeypatch.setitem(sys.modules, "holdfast.cli", Command(interrupt, interrupt))

    main()

    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
