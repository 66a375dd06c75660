"""Decide what a host's sysctl.d file says and which running values change. Pure; runs on the controller."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

HEADING = "# Written by the Ansible collection holdfast.gateway from the profile; changes here are lost."

# What `raise_only` answers: the value to write, or None where the host has what is wanted.
RaiseOnly = Callable[[Mapping[str, Any], str], Any]


@dataclass(frozen=True)
class Found:
    """A host as `kernel_values_info` found it."""

    values: Mapping[str, str | None]
    writable: frozenset[str]
    later: Mapping[str, Mapping[str, Any]]
    own: Mapping[str, str]
    before: Mapping[str, str | None]
    kernel: str

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Found:
        """Read the module's answer."""
        parts = {name: info[name] for name in ("values", "later", "own", "before", "kernel")}
        return cls(writable=frozenset(info["writable"]), **parts)


@dataclass
class Plan:
    """What is to be done, and why it cannot be."""

    lines: list[str] = field(default_factory=list)
    apply: dict[str, str] = field(default_factory=dict)
    # Names whose value has to be recorded before anything is written.
    names: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Choices:
    """What the caller decides: the file, keys that may be missing, keys that a module will bring, and the rule."""

    path: str
    optional: frozenset[str]
    appearing: tuple[str, ...]
    raise_only: RaiseOnly
    # Of the file: `sysctl`, or `tmpfiles` for values below /sys.
    form: str = "sysctl"
    # Keys that came with a module of this run: their values are the kernel's, and nobody's choice.
    fresh: frozenset[str] = frozenset()


def plan(settings: Iterable[Mapping[str, Any]], found: Found, choices: Choices) -> Plan:
    """Return the plan for these settings, which are expectations as plain data."""
    result = Plan()
    for setting in settings:
        _plan_one(setting, found, choices, result)
    return result


def _plan_one(setting: Mapping[str, Any], found: Found, choices: Choices, result: Plan) -> None:
    key = setting["key"]
    current = found.values.get(key)
    if current is None:
        _plan_missing(setting, found, choices, result)
        return
    target = setting["value"] if key in choices.fresh else choices.raise_only(setting, current)
    if _is_overridden(setting, found, choices, result):
        return
    if target is not None and key not in found.writable:
        said = f"{key}: has {current}, expected {_wanted(setting)}, and is read-only on this host"
        _complain(setting, said, "set it where the kernel belongs to, or name it in an optional list", choices, result)
        return
    result.names.append(key)
    if target is not None:
        result.apply[key] = _text(target)
    _keep(setting, _lasting(setting, found, choices, target), choices, result)


def _plan_missing(setting: Mapping[str, Any], found: Found, choices: Choices, result: Plan) -> None:
    key = setting["key"]
    if any(key.startswith(prefix) for prefix in choices.appearing):
        result.apply[key] = _text(setting["value"])
        _keep(setting, result.apply[key], choices, result)
    else:
        said = f"{key}: kernel {found.kernel} has no such key here"
        _complain(setting, said, "name it in an optional list where that is fine", choices, result)


def _is_overridden(setting: Mapping[str, Any], found: Found, choices: Choices, result: Plan) -> bool:
    later = found.later.get(setting["key"])
    if later is None or choices.raise_only(setting, _text(later["value"])) is None:
        return False
    result.problems.append(
        f"{setting['key']}: {later['file']} line {later['line']} sets {later['value']}, is read after {choices.path}"
        f" and wins over {_wanted(setting)}; remove that line"
    )
    return True


def _lasting(setting: Mapping[str, Any], found: Found, choices: Choices, target: Any) -> str | None:
    """Return what the file says, or None where the host has more by itself, which a line of ours would lower.

    Decided by the value before our first change, so that a second run decides the same.
    """
    key = setting["key"]
    before = found.before.get(key, found.values[key])
    raised = choices.raise_only(setting, _text(before)) if before is not None else setting["value"]
    if raised is not None:
        return _text(raised)
    if _text(before) == _text(setting["value"]):
        return _text(before)
    if target is not None:
        return _text(target)
    return found.own.get(key)


def _keep(setting: Mapping[str, Any], value: str | None, choices: Choices, result: Plan) -> None:
    if value is None:
        word = "less" if setting["mode"] == "max" else "more"
        result.notes.append(f"{setting['key']}: the host has {word} than {setting['value']} by itself, left alone")
        return
    # A leading minus lets systemd-sysctl go on without a word where a kernel lacks the key.
    line = f"{'-' if setting.get('optional') else ''}{setting['key']} = {value}"
    if choices.form == "tmpfiles":
        line = f"w {setting['key']} - - - - {value}"
    result.lines += ["", f"# {setting.get('id', 'own')}: {_text(setting.get('why', ''))}", line]


def _complain(setting: Mapping[str, Any], said: str, remedy: str, choices: Choices, result: Plan) -> None:
    if setting.get("optional") or setting["key"] in choices.optional:
        result.notes.append(f"{said}; optional, left alone")
    else:
        result.problems.append(f"{said}; {remedy}")


def _wanted(setting: Mapping[str, Any]) -> str:
    words = {"min": "at least ", "max": "at most "}
    return f"{words.get(setting['mode'], '')}{setting['value']}"


def _text(value: Any) -> str:
    return " ".join(str(value).split())


def content(result: Plan) -> str:
    """Return the file."""
    return "\n".join([HEADING, *result.lines]) + "\n"
