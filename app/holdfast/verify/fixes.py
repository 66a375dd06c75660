"""The command that mends a drift: one that can be copied, and undone."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Final

from holdfast.profile import Expectation
from holdfast.verify.observations import Declared, Observation

_OWN_SYSCTL: Final = "/etc/sysctl.d/90-holdfast.conf"
_OWN_MODULES: Final = "/etc/modules-load.d/holdfast.conf"
_OWN_UNIT: Final = "/etc/systemd/system/holdfast@.service.d/10-profile.conf"


def fix_for(expectation: Expectation, value: str, seen: Observation, *, in_force: bool) -> str:
    """Return the command.

    Args:
        expectation: what is wanted.
        value: what to write, as the profile's rule has it for what is there.
        seen: what was found.
        in_force: what runs is right, and only the next start would not be.
    """
    return _FIXES[expectation.kind](expectation, value, seen, in_force)


def _line(seen: Declared, text: str) -> str:
    return f"sed -i {shlex.quote(f'{seen.line}s|.*|{text}|')} {shlex.quote(seen.file)}"


def _sysctl(expectation: Expectation, value: str, seen: Observation, in_force: bool) -> str:
    setting = f"{expectation.key} = {value}"
    now = "" if in_force else f"sysctl -w {expectation.key}={shlex.quote(value)}"
    if seen.is_absent:
        return f"set enabled: false for {expectation.id} in a profile of your own, or use a kernel that has it"
    if seen.declared is None:
        lasting = f"echo {shlex.quote(setting)} >>{_OWN_SYSCTL}"
    elif seen.declared.value == value:
        return now
    else:
        lasting = _line(seen.declared, setting)
    return " && ".join(filter(None, [lasting, now]))


def _unit(expectation: Expectation, value: str, seen: Observation, in_force: bool) -> str:
    setting = f"{expectation.key}={value}"
    if seen.declared is not None:
        mend = _line(seen.declared, setting)
    else:
        added = f"printf '[Service]\\n%s\\n' {shlex.quote(setting)} >>{_OWN_UNIT}"
        mend = f"mkdir -p {_OWN_UNIT.rpartition('/')[0]} && {added}"
    parts = [mend, "systemctl daemon-reload", "" if in_force else _say("roll the instances: make restart")]
    return " && ".join(filter(None, parts))


def _rlimit(_: Expectation, value: str, seen: Observation, in_force: bool) -> str:
    # Where the unit says less, its own control names the line; a roll alone would not mend it.
    del in_force
    return f"prlimit --pid {seen.pid} --nofile={value}:{value}" if seen.pid else _start()


def _listener(_: Expectation, value: str, seen: Observation, in_force: bool) -> str:
    del in_force
    if not seen.pid:
        return _start()
    rest = f"set http.backlog: {value} in holdfast.yaml, and roll the instances: make restart"
    return f"sysctl -w net.core.somaxconn={value} && {_say(rest)}"


def _say(what: str) -> str:
    """Return a command that says what is left to do elsewhere, so that the whole line can be run as it stands."""
    return f"echo {shlex.quote(f'now {what}')}"


def _start() -> str:
    return "systemctl start holdfast@1a.service"


def _haproxy(expectation: Expectation, value: str, seen: Observation, in_force: bool) -> str:
    parts = []
    if seen.declared is not None and seen.declared.value != value:
        parts.append(_line(seen.declared, f"    {expectation.key.lower()} {value}"))
    if not in_force:
        parts.append("systemctl reload haproxy")
    return " && ".join(parts) or "systemctl restart haproxy"


def _redis(expectation: Expectation, value: str, seen: Observation, in_force: bool) -> str:
    parts = [] if in_force else [f"redis-cli CONFIG SET {expectation.key} {shlex.quote(value)}"]
    if seen.declared is not None and seen.declared.value != value:
        parts.append(_line(seen.declared, f"{expectation.key} {value}"))
    return " && ".join(parts)


def _counter(expectation: Expectation, value: str, seen: Observation, in_force: bool) -> str:
    del value, seen, in_force
    return f"holdfast profile explain {expectation.key}"


def _module(expectation: Expectation, value: str, seen: Observation, in_force: bool) -> str:
    del value, seen
    return f"echo {expectation.key} >>{_OWN_MODULES}" if in_force else f"modprobe {expectation.key}"


def _written(expectation: Expectation, value: str, seen: Observation, in_force: bool) -> str:
    del seen, in_force
    return f"echo {shlex.quote(value)} >{shlex.quote(expectation.key)}"


def _file(expectation: Expectation, value: str, seen: Observation, in_force: bool) -> str:
    del seen, in_force
    return f"{'rm' if value == 'absent' else 'ls -l'} {shlex.quote(expectation.key)}"


_FIXES: Final[dict[str, Callable[[Expectation, str, Observation, bool], str]]] = {
    "sysctl": _sysctl,
    "unit": _unit,
    "rlimit": _rlimit,
    "listener": _listener,
    "haproxy": _haproxy,
    "redis": _redis,
    "counter": _counter,
    "module": _module,
    "sysfs": _written,
    "file": _file,
}
