"""Ask before hosts are changed that somebody depends on."""

from __future__ import annotations

from collections.abc import Callable

from .problems import DeployError, Exit
from .target import Target


def confirm(target: Target, given: str, is_terminal: bool, ask: Callable[[str], str] = input) -> None:
    """Go on only where it was confirmed: production by its name in CONFIRM, staging by that or by an answer.

    Raises:
        DeployError: it was not; nothing has been changed.
    """
    name = target.environment
    if name == "local" or given == name:
        return
    if given:
        raise DeployError(
            f"CONFIRM: expected {name}, got {given!r}; nothing was changed", Exit.USAGE, following=_again(target)
        )
    if name == "staging" and is_terminal and ask(f"Type {name} to go on: ").strip() == name:
        return
    raise DeployError(f"{name} was not confirmed; nothing was changed", Exit.USAGE, following=_again(target))


def _again(target: Target) -> str:
    return target.command("deploy", f"CONFIRM={target.environment}")
