"""Run three instances, Redis and HAProxy on this machine, as `make run-cluster`: to try, drill and look.

Everything it makes is in `.holdfast/` of the folder it is started in, and everything listens on loopback. What ends is
started again, so that instances can be stopped and killed one by one; Ctrl-C ends all in order. Exits 0 then, 2 where a
program is missing or something did not start, 3 where one runs in this folder already.
"""

from __future__ import annotations

import argparse
import csv
import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import system_packages
from cluster import files
from cluster.files import FOLDER, INSTANCES, Plan
from cluster.processes import Service, StartError, Supervisor, say
from cluster.text import lines_to_paste

from holdfast.cli.demo_user import ensure_demo_user
from holdfast.cli.failure import Exit
from holdfast.cli.first_run import dev_settings, own_path

PROGRAMS = ("redis-server", "haproxy")
LINES = FOLDER / "lines"
LOCK = FOLDER / "lock"
ASK_SECONDS = 2.0
# Longer than sentinels wait: a master that is back before them would begin with what is on its disk, as the master.
REST_SECONDS = 6.0
SEEN_SECONDS = 30.0


def main(arguments: Sequence[str]) -> int:
    """Run until somebody asks for the end."""
    options = _options(arguments)
    missing = system_packages.ensure(list(PROGRAMS))
    if missing:
        packages = " ".join(package for program in missing for package in system_packages.PACKAGES[program])
        return _refuse(f"Missing: {', '.join(missing)}. On Debian and Ubuntu: sudo apt-get install {packages}")
    os.umask(0o077)
    lock = _claim()
    if lock is None:
        return _refuse(_second(), Exit.USAGE)
    plan = files.plan_of(has_sentinels=options.redis == "sentinel", any_ports=options.any_ports)
    files.write_all(plan)
    settings = dev_settings(FOLDER / f"{INSTANCES[0]}.yaml", {}, {})
    ensure_demo_user(settings)
    return _run(plan, Supervisor(_services(plan, lock)), lines_to_paste(plan, settings))


def _run(plan: Plan, supervisor: Supervisor, lines: str) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, supervisor.ask_to_end)
    say("Starting Redis, HAProxy and three instances ...")
    try:
        supervisor.start()
        _wait_until_seen(plan, supervisor)
        files.write(LINES, lines)
        if not supervisor.is_asked_to_end:
            say(lines)
        supervisor.watch()
    except StartError as error:
        return _refuse(str(error))
    finally:
        say("\nEnding: instances, HAProxy, Redis ...")
        supervisor.end()
        LINES.unlink(missing_ok=True)
    return Exit.FINE


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--redis", choices=("single", "sentinel"), default="single",
        help="one Redis, which keeps its data for the next start; or three and three sentinels, which begin empty",
    )  # fmt: skip
    parser.add_argument("--any-ports", action="store_true", help="take any free ports, not the usual ones")
    return parser.parse_args(arguments)


def _services(plan: Plan, lock: int) -> list[Service]:
    server, haproxy = (system_packages.find(name) or name for name in PROGRAMS)

    def service(name: str, stage: int, is_up: Callable[[], bool], *command: str | Path) -> Service:
        rest = REST_SECONDS if plan.has_sentinels and name in plan.names("redis") else 0.0
        return Service(name, [str(word) for word in command], is_up, files.log_of(name), stage, lock, rest)

    def listens(name: str) -> Callable[[], bool]:
        return partial(_takes_connections, plan.ports[name])

    services = [
        service(name, 3, listens(name), server, files.redis_folder(plan, name) / "redis.conf")
        for name in plan.names("redis")
    ]
    services += [
        service(name, 2, listens(name), server, FOLDER / name / "sentinel.conf", "--sentinel")
        for name in plan.names("sentinel")
    ]
    services.append(service("haproxy", 1, listens("stats"), haproxy, "-db", "-f", FOLDER / "haproxy.cfg"))
    for name in INSTANCES:
        is_up = partial(_is_ready, f"http://{plan.at(f'{name}-internal')}/readyz")
        services.append(service(name, 0, is_up, own_path(), "serve", "--dev", "--config", FOLDER / f"{name}.yaml"))
    return services


def _takes_connections(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), ASK_SECONDS):
        return True
    return False


def _is_ready(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(url, timeout=ASK_SECONDS, trust_env=False).status_code == 200
    return False


def _wait_until_seen(plan: Plan, supervisor: Supervisor) -> None:
    deadline = time.monotonic() + SEEN_SECONDS
    while not supervisor.is_asked_to_end and not _sees_all(f"http://{plan.at('stats')}/;csv"):
        if time.monotonic() > deadline:
            raise StartError(f"HAProxy does not see all instances; see {FOLDER / 'haproxy.log'}")
        time.sleep(0.1)


def _sees_all(url: str) -> bool:
    with suppress(httpx.HTTPError):
        rows = csv.DictReader(httpx.get(url, timeout=ASK_SECONDS, trust_env=False).text.lstrip("# ").splitlines())
        servers = [row["status"] for row in rows if row["svname"] in INSTANCES]
        return bool(servers) and set(servers) == {"UP"}
    return False


def _claim() -> int | None:
    """Return a lock that every process of ours holds, None where one of an earlier start still does."""
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    os.truncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


def _second() -> str:
    if _is_alive(LOCK):
        paste = f" What to paste: cat {LINES}" if LINES.exists() else ""
        return f"A cluster runs in this folder already, process {LOCK.read_text()}.{paste}"
    left = [path.read_text().strip() for path in sorted(FOLDER.glob("*.pid")) if _is_alive(path)]
    return f"Processes of an earlier start are still there. End them with: kill {' '.join(left)}"


def _is_alive(pid_file: Path) -> bool:
    with suppress(OSError, ValueError):
        os.kill(int(pid_file.read_text()), 0)
        return True
    return False


def _refuse(text: str, code: int = Exit.REFUSED) -> int:
    print(text, file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
