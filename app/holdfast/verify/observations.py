"""What facts say about one control: what is in force, where it stands, what a file says the next start brings. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from holdfast.profile import Expectation
from holdfast.verify import spans

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Declared:
    """A line of a file that sets something; `value` is comparable, `text` as it stands there."""

    file: str
    line: int
    value: str
    text: str

    def __str__(self) -> str:
        return f"{self.file} line {self.line} ({self.text})"


@dataclass(frozen=True, slots=True)
class Observation:
    """One place where a control can be looked at.

    Args:
        actual: what is in force, comparable; None where there is no such thing.
        where: the running thing: the kernel, a process, a unit.
        reason: why there is no `actual`.
        declared: the line of a file that wins.
        is_pending: what that line says counts from the next start on, whatever is in force now.
        is_absent: the host has no such thing, which is fine for an optional control.
        pid: the process, where it is one's.
        unit: its unit.
        after_start: what the next start makes of it, where no line keeps it; "" where nothing is known to change.
    """

    actual: str | None
    where: str
    reason: str = ""
    declared: Declared | None = None
    is_pending: bool = True
    is_absent: bool = False
    pid: int = 0
    unit: str = ""
    after_start: str = ""


def observe(expectation: Expectation, facts: Facts) -> list[Observation]:
    """Return what the facts say; at least one observation."""
    return list(_OBSERVERS[expectation.kind](expectation, facts))


def _sysctl(expectation: Expectation, facts: Facts) -> Iterator[Observation]:
    key = expectation.key
    value, line = facts["sysctls"].get(key), facts["sysctl_files"].get(key)
    unsure = facts["reasons"].get("namespace", "") if expectation.scope == "netns" else ""
    if value is None:
        kernel = facts["host"]["kernel"]
        yield Observation(None, "the kernel", f"kernel {kernel} has no {key} here", is_absent=True)
    elif unsure:
        yield Observation(None, "the kernel", unsure)
    else:
        yield Observation(value, "the running kernel", declared=_line(line, str))


def _sysfs(expectation: Expectation, facts: Facts) -> Iterator[Observation]:
    value = facts["sysfs"].get(expectation.key)
    reason = "" if value is not None else f"this kernel has no {expectation.key}"
    yield Observation(value, "the running kernel", reason, is_absent=value is None)


def _module(expectation: Expectation, facts: Facts) -> Iterator[Observation]:
    # Loaded early, its keys are there when sysctl.d is applied; a firewall that loads it later brings the kernel's own.
    key, kernel = expectation.key, "the running kernel"
    state, line = facts["modules"].get(key), _line(facts["module_files"].get(key), lambda _: "loaded")
    if state == "built in":
        yield Observation("loaded", f"{kernel}, built in")
    elif state is not None:
        late = "" if line else "too late for sysctl.d"
        yield Observation(state, kernel, declared=line, after_start=late)
    elif line is not None:
        yield Observation("not loaded", f"{kernel}, although {line} asks for it")
    else:
        yield Observation(None, kernel, f"module {key} is not loaded, and no file asks for it", is_absent=True)


def _counter(expectation: Expectation, facts: Facts) -> Iterator[Observation]:
    if expectation.key == "process_open_fds":
        yield from _open_files(facts)
        return
    found = facts["counters"].get(expectation.key)
    if found is None:
        yield Observation(
            None, "the kernel", f"this kernel does not count {expectation.key}", is_absent=expectation.optional
        )
        return
    value = found["total"] if expectation.mode == "report" else found["grown"]
    reason = "" if value is not None else "read once, so that it cannot be seen to grow: wait for some seconds"
    yield Observation(None if value is None else str(value), f"the running kernel, {_counted(found)}", reason)


def _counted(found: Mapping[str, Any]) -> str:
    """Say since when a counter was watched."""
    text = f"{found['total']} since its start"
    if found["grown"] is None:
        return text
    if found.get("last"):
        return f"{text}, {found['grown']} of them since the last check {spans.ago(found['seconds'])}"
    first = f": {found['first']}" if found.get("first") else ""
    return f"{text}, {found['grown']} of them within {found.get('seconds', 0):g} s{first}"


def _open_files(facts: Facts) -> Iterator[Observation]:
    for one, where in _instances(facts):
        limits = one.get("descriptors") or {}
        yield _of(one, limits.get("open"), where, "its descriptors cannot be seen: run as root")
    yield from _none(facts)


def _rlimit(_: Expectation, facts: Facts) -> Iterator[Observation]:
    for one, where in _instances(facts):
        found = (one.get("descriptors") or {}).get("soft")
        value = spans.UNLIMITED if found == -1 else found
        yield _of(one, value, where, "its limits cannot be read")
    yield from _none(facts)


def _listener(_: Expectation, facts: Facts) -> Iterator[Observation]:
    for one, where in _instances(facts):
        listeners = one.get("listeners")
        if not listeners:
            reason = "it listens on no port" if listeners is not None else "its sockets cannot be seen: run as root"
            yield _of(one, None, where, reason)
        for listener in listeners or ():
            yield _of(one, listener["backlog"], f"{where}, port {listener['port']}", "")
    yield from _none(facts)


def _unit(expectation: Expectation, facts: Facts) -> Iterator[Observation]:
    read = _unit_reader(expectation.key)
    has_unit = False
    for one, where in _instances(facts):
        if one.get("unit"):
            has_unit = True
            line = _line(one["declared"].get(expectation.key), read)
            value = one["properties"].get(expectation.key)
            yield Observation(
                None if value is None else read(value), where, "" if value is not None else "systemd does not tell",
                # What systemd has read already is in force.
                line, is_pending=one["needs_reload"], pid=one["pid"], unit=one["unit"],
            )  # fmt: skip
    if not has_unit:
        reason = facts["reasons"].get("units") or "no unit holdfast@*.service runs here"
        yield Observation(None, "systemd", reason)


def _unit_reader(key: str) -> Callable[[str], str]:
    if key.endswith("Sec"):
        return spans.seconds
    if key.startswith("Memory"):
        return spans.size
    return spans.soft if key.startswith("Limit") else str


def _haproxy(expectation: Expectation, facts: Facts) -> Iterator[Observation]:
    found = facts.get("haproxy") or {"missing": "HAProxy was not asked"}
    if "missing" in found:
        yield Observation(None, "HAProxy", found["missing"])
        return
    value = found["info"].get(expectation.key)
    reason = "" if value is not None else f"`show info` has no {expectation.key}"
    line = _line(found["declared"].get(expectation.key.lower()), str)
    yield Observation(value, f"running HAProxy, {found['socket']}", reason, line)


def _redis(expectation: Expectation, facts: Facts) -> Iterator[Observation]:
    found = facts.get("redis") or {"missing": "Redis was not asked"}
    if "missing" in found:
        yield Observation(None, "Redis", found["missing"])
        return

    def read(text: str) -> str:
        return spans.size(text, is_redis=True)

    value = found["settings"].get(expectation.key)
    reason = "" if value is not None else f"CONFIG GET knows no {expectation.key}"
    line = _line(found["declared"].get(expectation.key), read)
    yield Observation(None if value is None else read(value), "running Redis", reason, line)


def _file(expectation: Expectation, facts: Facts) -> Iterator[Observation]:
    yield Observation(facts["files"].get(expectation.key, "absent"), "the file system")


def _instances(facts: Facts) -> Iterator[tuple[Mapping[str, Any], str]]:
    loose = "the gateway" if facts["host"].get("container") else "a gateway that no unit started"
    for one in facts["instances"]:
        yield one, f"{one['unit'] or loose}, process {one['pid']}"


def _none(facts: Facts) -> Iterator[Observation]:
    if not facts["instances"]:
        yield Observation(
            None,
            "processes",
            "no instance of the gateway runs here: no unit holdfast@*.service, no process `holdfast serve`",
        )


def _of(one: Mapping[str, Any], value: int | None, where: str, reason: str) -> Observation:
    actual = None if value is None else str(value)
    return Observation(actual, where, "" if actual is not None else reason, pid=one["pid"], unit=one["unit"])


def _line(found: Mapping[str, Any] | None, read: Callable[[str], str]) -> Declared | None:
    if not found:
        return None
    return Declared(found["file"], found["line"], read(str(found["value"])), str(found["value"]))


_OBSERVERS: Final[Mapping[str, Callable[[Expectation, Facts], Iterator[Observation]]]] = {
    "sysctl": _sysctl,
    "sysfs": _sysfs,
    "module": _module,
    "counter": _counter,
    "rlimit": _rlimit,
    "listener": _listener,
    "unit": _unit,
    "haproxy": _haproxy,
    "redis": _redis,
    "file": _file,
}
