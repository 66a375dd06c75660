"""Judge what `make doctor` has gathered: each fault with its remedy. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .events import LOST, Event, values
from .problems import Exit

# What Ansible needs on a host, and what the gateway itself does.
OLDEST_PYTHON, OLDEST_OF_GATEWAYS = (3, 9), (3, 11)
# Tokens are checked to the second, with a leeway of a few; logs of several hosts are read side by side.
MOST_CLOCK_SECONDS = 5.0
# An installation takes 200 MiB for a version, of which several stay.
LEAST_MEBIBYTES = {"/opt": 1024, "/var": 256, "/etc": 16, "/tmp": 64}  # noqa: S108 - looked at, not written to


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; a remedy beside a good code is a note that stops nobody."""

    name: str
    said: str
    remedy: str = ""
    host: str = ""
    code: Exit = Exit.FINE

    def line(self) -> str:
        """Return it as it is shown."""
        mark = "FAIL" if self.code else "note" if self.remedy else "ok  "
        where = f"{self.host}: " if self.host else ""
        return f"  {mark} {where}{self.name}: {self.said}" + (f"\n       {self.remedy}" if self.remedy else "")


def code_of(findings: Iterable[Finding]) -> Exit:
    """Return the exit code of all: bad usage before a finding, a finding before what could not be looked at."""
    codes = {finding.code for finding in findings}
    return next((code for code in (Exit.USAGE, Exit.FOUND, Exit.UNKNOWN) if code in codes), Exit.FINE)


def faults(findings: Iterable[Finding]) -> str:
    """Return in a line what is not well."""
    return "; ".join(f"{one.host + ': ' if one.host else ''}{one.name}" for one in findings if one.code)


def tell(findings: Sequence[Finding], say: Callable[[str], None]) -> Exit:
    """Tell all findings and what they come to, and return the code."""
    for one in findings:
        say(one.line())
    code = code_of(findings)
    say("All is well." if code is Exit.FINE else f"Not ready: {faults(findings)}.")
    return code


def of_login(event: Event, command: str, oldest: tuple[int, int] = OLDEST_PYTHON) -> list[Finding]:
    """Judge what a host said when it was logged in to, by `command`; `oldest` is the Python that it has to have."""
    host = event.host
    if event.state in LOST:
        return [_fault(host, "SSH", _first(event.msg), f"`{command}` must work without a question", Exit.UNKNOWN)]
    said = values(event.stdout)
    if "user" not in said:
        reason = _first(event.stderr or event.msg or event.stdout)
        return [_fault(host, "SSH", f"a shell did not answer: {reason}", f"try `{command}`", Exit.UNKNOWN)]
    return [
        Finding("SSH", f"as {said['user']}", host=host),
        *_of_system(host, said, oldest),
        *_of_room(host, said),
        _of_clock(host, float(said.get("clock") or 0), event.began, event.ended),
    ]


def of_root(event: Event) -> list[Finding]:
    """Judge whether a host let us become root, and whether its package manager is free."""
    said = values(event.stdout)
    if said.get("root") != "0":
        reason = _first(event.msg if event.state != "ok" and event.msg else event.stderr or event.stdout)
        remedy = (
            "let the user run sudo without a password (NOPASSWD in /etc/sudoers.d), or give ansible_become_password"
        )
        return [_fault(event.host, "sudo", f"did not give root: {reason}", remedy)]
    if holder := said.get("apt"):
        remedy = "wait until it is done; `systemctl status unattended-upgrades apt-daily` shows what began it"
        return [
            Finding("sudo", "gives root", host=event.host),
            _fault(event.host, "apt", f"is locked by {holder}", remedy),
        ]
    return [Finding("sudo", "gives root", host=event.host)]


def of_given(event: Event) -> Finding:
    """Judge what the inventory gives: secrets, the wheel."""
    name = "secrets" if "secret" in event.task else "wheel"
    if event.state == "ok":
        return Finding(name, "there")
    remedy = {
        "secrets": "give them in holdfast_secrets, from a vault or from files; `openssl rand -hex 32` makes one",
        "wheel": "build it (`make build`), or name another one in gateway_wheel",
    }[name]
    return Finding(name, _first(event.msg), remedy, code=Exit.FOUND)


def of_tools(versions: Sequence[tuple[str, str, str]]) -> list[Finding]:
    """Judge the tools of this machine, each with its version, "" where it is missing, and how to get it."""
    return [
        Finding(name, version) if version else Finding(name, "is missing", remedy, code=Exit.UNKNOWN)
        for name, version, remedy in versions
    ]


def of_redis(hosts: Sequence[str]) -> list[Finding]:
    """Judge how many hosts of Redis there are; nothing is said of a number that works."""
    if len(hosts) != 2:
        return []
    return [
        Finding(
            "redis", f"2 hosts ({', '.join(hosts)}), expected 1, or 3 and more: Sentinel needs a third",
            "take one out of the group `redis`, or add one", code=Exit.USAGE,
        )
    ]  # fmt: skip


def _of_system(host: str, said: dict[str, str], oldest: tuple[int, int]) -> list[Finding]:
    found = []
    if (init := said.get("init", "")) != "systemd":
        found.append(
            _fault(host, "systemd", f"process 1 is {init or 'unknown'}", "the slots of a roll are units of systemd")
        )
    python = said.get("python", "")
    if not python:
        found.append(_fault(host, "python3", "is missing", "install it: apt-get install python3 python3-venv"))
    elif tuple(int(part) for part in python.split(".")[:2]) < oldest:
        who = "Ansible needs" if oldest == OLDEST_PYTHON else "the gateway needs"
        also = "" if oldest == OLDEST_PYTHON else "; where it has another name: gateway_python"
        found.append(_fault(host, "python3", python, f"{who} {'.'.join(map(str, oldest))} or newer there{also}"))
    elif not said.get("venv"):
        found.append(_fault(host, "python3", f"{python} without venv", "install it: apt-get install python3-venv"))
    else:
        found.append(Finding("python3", python, host=host))
    return found


def _of_room(host: str, said: dict[str, str]) -> list[Finding]:
    found = {folder: said.get(f"free {folder}", "") for folder in LEAST_MEBIBYTES}
    short = [
        f"{folder} has {free} MiB free, expected {LEAST_MEBIBYTES[folder]}"
        for folder, free in found.items()
        if free.isdigit() and int(free) < LEAST_MEBIBYTES[folder]
    ]
    if short:
        return [_fault(host, "disk", "; ".join(short), "make room: `journalctl --vacuum-size=200M`, `apt-get clean`")]
    return [Finding("disk", f"{found['/opt'] or '?'} MiB free in /opt", host=host)]


def _of_clock(host: str, clock: float, began: float, ended: float) -> Finding:
    # The host's whole seconds are between the two moments here, where the clocks agree.
    off = max(began - (clock + 1), clock - ended, 0.0)
    if off > MOST_CLOCK_SECONDS:
        remedy = "let both keep time: `timedatectl set-ntp true`, or chrony"
        return _fault(host, "clock", f"differs by {off:.0f} s from this machine's", remedy)
    return Finding("clock", "agrees", host=host)


def _fault(host: str, name: str, said: str, remedy: str, code: Exit = Exit.FOUND) -> Finding:
    return Finding(name, said, remedy, host, code)


def _first(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines)[:400] if lines else "no reason given"
