"""Ask before something is changed that somebody depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .problems import DeployError, Exit


class Confirmed(Protocol):
    """What is changed."""

    environment: str

    @property
    def makes_hosts(self) -> bool:
        """Tell whether nobody depends on it, for it is made on this machine."""


def confirm(target: Confirmed, again: str, given: str, is_terminal: bool, ask: Callable[[str], str] = input) -> None:
    """Go on only where it was confirmed: production by its name in CONFIRM, others by that or by an answer.

    Hosts that are made on this machine need none; an inventory or a cluster does, also where ENV was left out.
    `again` is the command line that was typed, without CONFIRM.

    Raises:
        DeployError: it was not; nothing has been changed.
    """
    name = target.environment
    if target.makes_hosts or given == name:
        return
    following = f"{again} CONFIRM={name}"
    if given:
        raise DeployError(
            f"CONFIRM: expected {name}, got {given!r}; nothing was changed", Exit.USAGE, following=following
        )
    if name != "production" and is_terminal and _answer(ask, name) == name:
        return
    raise DeployError(f"{name} was not confirmed; nothing was changed", Exit.USAGE, following=following)


def _answer(ask: Callable[[str], str], name: str) -> str:
    try:
        return ask(f"Type {name} to go on: ").strip()
    except EOFError:
        return ""
