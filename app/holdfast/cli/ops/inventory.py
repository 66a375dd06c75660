"""The file that says which instances there are, where they answer, and how they are stopped and started."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from holdfast.cli.failure import CliError, Exit

_LONGEST = 1024 * 1024


@dataclass(slots=True)
class Record:
    """One instance: its `name` (setting `instance`) and the `url` of its admin paths; the rest as far as needed.

    Without `stop` the process of `pid_file` gets SIGTERM, and `start` is left running with its number written there.
    With both commands nothing but these two is run, so that a service manager may stand behind them.
    """

    name: str
    url: str
    config: str = ""
    pid_file: str = ""
    start: list[str] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    output: str = ""
    log: str = ""
    keys_file: str = ""


@dataclass(slots=True)
class Inventory:
    """All instances; relative paths are seen from the folder of the file."""

    instances: list[Record]
    admin_token_file: str = ""
    audit_log: str = ""


_PATHS = ("config", "pid_file", "output", "log", "keys_file")


def read_inventory(path: Path) -> Inventory:
    """Return what the file says.

    Raises:
        CliError: it cannot be read or used; the text says why.
    """
    # Here, for every command of the program loads this module.
    import msgspec
    import yaml

    try:
        text = path.read_bytes()
    except OSError as error:
        raise CliError(f"--instances: {path} cannot be read: {error.strerror}", Exit.USAGE) from None
    try:
        if len(text) > _LONGEST:
            raise ValueError(f"expected at most {_LONGEST} bytes")
        data = yaml.safe_load(text)
        found = msgspec.convert(data, Inventory)
        _check_names(data, Inventory, "")
        for one in data["instances"]:
            _check_names(one, Record, f"{one['name']}: ")
        for fault in _faults(found):
            raise ValueError(fault)
    except (yaml.YAMLError, msgspec.ValidationError, ValueError, RecursionError) as error:
        first = " ".join(str(error).split())[:300]
        raise CliError(
            f"--instances: {path}: {first}.\n  docs/recovery.md shows what such a file has.", Exit.USAGE
        ) from None
    return _anchored(found, path.resolve().parent)


def _check_names(data: dict[str, Any], kind: type, where: str) -> None:
    known = [one.name for one in fields(kind)]
    if unknown := sorted(str(name) for name in data if name not in known):
        raise ValueError(f"{where}unknown {unknown[0][:64]!r}; known are {', '.join(known)}")


def _faults(found: Inventory) -> Iterator[str]:
    if not found.instances:
        yield "expected at least one instance"
    for what, values in (
        ("name", [one.name for one in found.instances]),
        ("url", [one.url.rstrip("/") for one in found.instances]),
        ("pid_file", [one.pid_file for one in found.instances if one.pid_file]),
    ):
        if "" in values:
            yield f"expected a {what} for each instance"
        if twice := {one for one in values if values.count(one) > 1}:
            yield f"two instances have the {what} {sorted(twice)[0]!r}"
    for one in found.instances:
        if one.stop and not one.start:
            yield f"{one.name}: `stop` without `start`"


def _anchored(found: Inventory, folder: Path) -> Inventory:
    def at(path: str) -> str:
        return str(folder / Path(path).expanduser()) if path else ""

    for one in found.instances:
        changed: dict[str, Any] = {name: at(getattr(one, name)) for name in _PATHS}
        for name, value in changed.items():
            setattr(one, name, value)
    found.admin_token_file, found.audit_log = at(found.admin_token_file), at(found.audit_log)
    return found
