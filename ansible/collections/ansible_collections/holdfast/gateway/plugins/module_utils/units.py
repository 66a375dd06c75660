"""Ask systemd, the process and the instance itself how a slot is. Standard library alone; changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request

from ansible_collections.holdfast.gateway.plugins.module_utils.slots import RUNNING, Slot

PROPERTIES = (
    "ActiveState",
    "SubState",
    "MainPID",
    "NRestarts",
    "Result",
    "ExecMainStatus",
    "UnitFileState",
    "LoadState",
)
FINGERPRINT = "HOLDFASTHOST_FINGERPRINT"  # not HOLDFAST_: the gateway refuses variables that name no setting
WANTS = "/etc/systemd/system/multi-user.target.wants"
ASK_SECONDS = 5.0


def run(*command: str, timeout: float = 60.0) -> tuple[int, str]:
    """Run a program and return its exit code and what it said; never raises for what it does."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, (done.stdout + done.stderr).strip()


def unit_of(slot: str) -> str:
    """Return the unit of a slot."""
    return f"holdfast@{slot}.service"


def properties(slot: str) -> dict[str, str]:
    """Return what systemd knows of a slot; an empty mapping where there is no systemd."""
    code, said = run("systemctl", "show", unit_of(slot), *(f"--property={name}" for name in PROPERTIES))
    if code:
        return {}
    return dict(line.partition("=")[::2] for line in said.splitlines() if "=" in line)


def enabled() -> list[str]:
    """Return the slots that come back after a reboot."""
    try:
        names = sorted(os.listdir(WANTS))
    except OSError:
        return []
    return [slot_of(name) for name in names if name.startswith("holdfast@")]


def slot_of(unit: str) -> str:
    """Return the slot of a unit."""
    return unit.removeprefix("holdfast@").removesuffix(".service")


def running() -> list[str]:
    """Return the slots that have a process, or are about to."""
    words = ("list-units", "--plain", "--no-legend", "--full", "holdfast@*.service")
    code, said = run("systemctl", *words)
    rows = [line.split() for line in said.splitlines()] if not code else []
    return [slot_of(row[0]) for row in rows if len(row) > 2 and row[2] in (*RUNNING, "deactivating")]


def has_ended(found: dict[str, str]) -> bool:
    """Tell by its properties whether a unit that was started has ended since, or was started again."""
    if found.get("SubState") == "auto-restart" or found.get("Result", "success") != "success":
        return True
    # "inactive" alone may be one whose start is still in systemd's queue.
    return found.get("ActiveState") == "failed" or int(found.get("NRestarts") or 0) > 0


def environment(pid: int) -> dict[str, str]:
    """Return what a process was started with; empty where it has gone."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            entries = file.read().decode(errors="replace").split("\0")
    except OSError:
        return {}
    return dict(entry.partition("=")[::2] for entry in entries if "=" in entry)


def started(pid: int) -> float:
    """Return when a process began, in seconds of the clock; 0 where it has gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])
        with open("/proc/uptime") as file:
            uptime = float(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def ask(address: str, port: int, path: str) -> tuple[int, str]:
    """Return status and body of a path of the internal port; status 0 where nobody answers."""
    host = f"[{address}]" if ":" in address else address
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never by a proxy of the environment
    try:
        with opener.open(f"http://{host}:{port}{path}", timeout=ASK_SECONDS) as answer:
            return answer.status, answer.read(1024 * 1024).decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(65536).decode(errors="replace")
    except (OSError, ValueError) as error:
        return 0, str(error)


def readiness(address: str, port: int) -> tuple[bool, bool, str]:
    """Return whether an instance is ready, whether it means to serve, and what it says against it."""
    status, body = ask(address, port, "/readyz")
    if status == 200:
        return True, True, ""
    if status == 0:
        return False, False, f"nothing answers on {address}:{port}: {body}"
    try:
        checks = json.loads(body)["checks"]
    except (ValueError, KeyError, TypeError):
        return False, False, f"/readyz answered {status}: {body[:200]}"
    failing = "; ".join(f"{name}: {said}" for name, said in checks.items() if not str(said).startswith("ok"))
    return False, str(checks.get("not_draining", "ok")).startswith("ok"), failing


def look(slot: str, address: str, port: int) -> Slot:
    """Return a slot as it is now; `port` is its internal one."""
    found = properties(slot)
    pid = int(found.get("MainPID", "0") or 0)
    is_ready = is_serving = False
    if pid:
        is_ready, is_serving, _ = readiness(address, port)
    return Slot(
        name=slot,
        state=found.get("ActiveState", "inactive"),
        is_enabled=found.get("UnitFileState", "") == "enabled",
        fingerprint=environment(pid).get(FINGERPRINT, "") if pid else "",
        started=started(pid) if pid else 0.0,
        is_ready=is_ready,
        is_serving=is_serving,
    )


def journal(slot: str, lines: int = 15) -> str:
    """Return the last lines of a slot's log; those of the gateway name their cause by its slug."""
    return run("journalctl", "--unit", unit_of(slot), "--lines", str(lines), "--no-pager", "--output", "cat")[1][-3000:]
