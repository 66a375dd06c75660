"""The file that says which instances there are, where they answer, and how they are stopped and started."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.kube import Pods
from holdfast.cli.ops.kube import faults as pod_faults

_LONGEST = 1024 * 1024


@dataclass(slots=True)
class Record:
    """One instance: its `name` (setting `instance`) and the `url` of its admin paths; the rest as far as needed.

    Without `stop` the process of `pid_file` gets SIGTERM, and `start` is left running with its number written there.
    With both commands nothing but these two is run, so that a service manager may stand behind them. With `ssh` it is
    the `unit` of systemd on that machine, whose files `log` and `keys_file` are; `url` is then as seen from
    that machine's loopback if there is a `tunnel`.
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
    ssh: str = ""
    unit: str = ""
    tunnel: bool = False


@dataclass(slots=True)
class Inventory:
    """All instances, or where pods are that are instances; relative paths are seen from the folder of the file."""

    instances: list[Record] = field(default_factory=list)
    kubernetes: Pods | None = None
    admin_token_file: str = ""
    audit_log: str = ""
    ssh_config: str = ""


# What ssh takes for a host; nothing that it could take for an option, nor a shell for more than a word.
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:%\[\]-]{0,254}")
_UNIT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9:_.@\\-]{0,240}\.service")
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
        for one in data.get("instances", []):
            _check_names(one, Record, f"{one['name']}: ")
        if found.kubernetes is not None:
            _check_names(data["kubernetes"], Pods, "kubernetes: ")
        for fault in _faults(found):
            raise ValueError(fault)
        return _anchored(found, path.resolve().parent)
    except (yaml.YAMLError, msgspec.ValidationError, ValueError, RuntimeError) as error:
        first = " ".join(str(error).split())[:300]
        raise CliError(
            f"--instances: {path}: {first}.\n  docs/recovery.md shows what such a file has.", Exit.USAGE
        ) from None


def _check_names(data: dict[str, Any], kind: type, where: str) -> None:
    known = [one.name for one in fields(kind)]
    if unknown := sorted(str(name) for name in data if name not in known):
        raise ValueError(f"{where}unknown {unknown[0][:64]!r}; known are {', '.join(known)}")


def _faults(found: Inventory) -> Iterator[str]:
    if found.kubernetes is not None:
        if found.instances:
            yield "expected `instances` or `kubernetes`, got both"
        yield from pod_faults(found.kubernetes)
    elif not found.instances:
        yield "expected at least one instance"
    if not all(one.url for one in found.instances):
        yield "expected a url for each instance"
    for what, values in (
        ("name", [one.name for one in found.instances]),
        ("url", [(one.ssh + " " if one.tunnel else "") + one.url.rstrip("/") for one in found.instances if one.url]),
        ("pid_file", [one.pid_file for one in found.instances if one.pid_file]),
    ):
        if "" in values:
            yield f"expected a {what} for each instance"
        if twice := {one for one in values if values.count(one) > 1}:
            yield f"two instances have the {what} {sorted(twice)[0]!r}"
    for one in found.instances:
        if one.stop and not one.start:
            yield f"{one.name}: `stop` without `start`"
        yield from _ssh_faults(one)


def _ssh_faults(one: Record) -> Iterator[str]:
    if not one.ssh:
        if one.unit or one.tunnel:
            yield f"{one.name}: `{'unit' if one.unit else 'tunnel'}` without `ssh`"
        return
    if not _HOST.fullmatch(one.ssh):
        yield f"{one.name}: `ssh`: expected a host as ssh takes it, such as gw1 or deploy@gw1, got {one.ssh[:64]!r}"
    if not _UNIT.fullmatch(one.unit):
        yield f"{one.name}: `unit`: expected a unit such as holdfast@1a.service, got {one.unit[:64]!r}"
    if used := [name for name in ("pid_file", "start", "stop", "output") if getattr(one, name)]:
        yield f"{one.name}: `{used[0]}` with `ssh`: systemd stops and starts the unit"
    if wrong := [
        name for name in ("log", "keys_file") if getattr(one, name) and not getattr(one, name).startswith("/")
    ]:
        yield f"{one.name}: `{wrong[0]}` with `ssh`: expected a path from the root of that machine"
    if one.tunnel and (urlsplit(one.url).scheme != "http" or not _port_of(one.url)):
        yield f"{one.name}: `tunnel`: expected a url such as http://127.0.0.1:9000, got {one.url[:64]!r}"


def _port_of(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None


def _anchored(found: Inventory, folder: Path) -> Inventory:
    def at(path: str) -> str:
        return str(folder / Path(path).expanduser()) if path else ""

    for one in found.instances:
        # Of another machine they are seen from its root; settings are read here all the same.
        names = ("config",) if one.ssh else _PATHS
        changed: dict[str, Any] = {name: at(getattr(one, name)) for name in names}
        for name, value in changed.items():
            setattr(one, name, value)
    found.admin_token_file, found.audit_log = at(found.admin_token_file), at(found.audit_log)
    found.ssh_config = at(found.ssh_config)
    if found.kubernetes is not None:
        found.kubernetes.kubeconfig = at(found.kubernetes.kubeconfig)
    return found
