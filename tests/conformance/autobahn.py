"""Autobahn's test suite: getting it (a Python 2.7 program, kept in .cache/) and running it against our echo."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import venv
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.conformance.application import PATHS
from tests.parts import PYTHON2_HOW, ROOT, python2

CACHE = ROOT / ".cache" / "autobahn"
REQUIREMENTS = Path(__file__).with_name("autobahn-requirements.txt")
VIRTUALENV = "virtualenv<20.22"  # the last that can make environments for Python 2.7

RFC6455 = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*")
# Permessage-deflate, which is agreed on where the socket is handed over; each of these takes a minute or two.
DEFLATE = (*(f"12.{part}.*" for part in range(1, 6)), *(f"13.{part}.*" for part in range(1, 8)))
ALL_CASES = (*RFC6455, *DEFLATE)
COUNT_OF_ALL = {"asgi": 301, "handover": 517}
AT_ONCE = 2  # an echo and the suite keep more than one core busy
PASSED = frozenset({"OK", "NON-STRICT", "INFORMATIONAL"})


class SuiteUnavailableError(Exception):
    """The suite cannot be had on this machine; the message says what would help."""


@dataclass
class Report:
    """How one path did: verdicts by count, and the cases that failed."""

    path: str
    verdicts: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Return how many cases ran."""
        return sum(self.verdicts.values())

    def add(self, verdicts: dict[str, dict[str, str]]) -> None:
        """Count the verdicts of some cases."""
        for case, verdict in sorted(verdicts.items()):
            self.verdicts[verdict["behavior"]] += 1
            if verdict["behavior"] not in PASSED or verdict["behaviorClose"] not in PASSED:
                self.failed.append(f"{case} ({verdict['behavior']}, close {verdict['behaviorClose']})")

    def __str__(self) -> str:
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(self.verdicts.items()))
        failed = f": {', '.join(self.failed)}" if self.failed else ""
        return f"{self.path}: {self.count} cases, {len(self.failed)} FAILED{failed} ({verdicts})"


def install_suite() -> Path:
    """Return the `wstest` program, installed on the first call.

    Raises:
        SuiteUnavailableError: there is no Python 2.7, or the packages cannot be fetched.
    """
    interpreter = python2()
    if interpreter is None:
        raise SuiteUnavailableError(f"Autobahn's suite needs Python 2.7; install it with: {PYTHON2_HOW}")
    stamp = CACHE / hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    program = CACHE / "env" / "bin" / "wstest"
    if stamp.exists() and program.exists():
        return program
    CACHE.mkdir(parents=True, exist_ok=True)
    venv.create(CACHE / "tool", with_pip=True, clear=True)
    _install(str(CACHE / "tool/bin/pip"), "install", "--quiet", VIRTUALENV)
    _install(str(CACHE / "tool/bin/virtualenv"), "--quiet", "--clear", "-p", interpreter, str(CACHE / "env"))
    _install(str(CACHE / "env/bin/pip"), "install", "--quiet", "-r", str(REQUIREMENTS))
    stamp.touch()
    return program


@dataclass(frozen=True)
class Run:
    """Cases that one process of the suite puts to some of the paths, and the folder of their pages."""

    paths: tuple[str, ...]
    cases: tuple[str, ...]
    folder: Path


def plan(cases: tuple[str, ...], folder: Path) -> list[Run]:
    """Return the runs for some cases: the long ones of compression each by itself, so that they go side by side."""
    deflate = [case for case in cases if case.startswith(("12.", "13."))]
    plain = tuple(case for case in cases if case not in deflate)
    short = tuple(case for case in deflate if "*" not in case)
    runs = [Run(("handover",), (case,), folder / case.strip(".*")) for case in deflate if case not in short]
    if short:
        runs.append(Run(("handover",), short, folder / "deflate"))
    if plain:
        runs.append(Run(PATHS, plain, folder / "rfc6455"))
    return runs


def run_suite(cases: tuple[str, ...], folder: Path) -> list[Report]:
    """Run cases against echo servers and return a report for each path; HTML of each case goes under `folder`.

    Raises:
        SuiteUnavailableError: see `install_suite`.
    """
    program = install_suite()
    reports = {path: Report(path) for path in PATHS}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for found in pool.map(partial(_run, program), plan(cases, folder)):
            for path, verdicts in found.items():
                reports[path].add(verdicts)
    return [report for report in reports.values() if report.count]


def _run(program: Path, run: Run) -> dict[str, dict[str, dict[str, str]]]:
    """Return the verdicts by path and case."""
    run.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        servers = [{"agent": path, "url": f"ws://127.0.0.1:{stack.enter_context(_echo(path))}"} for path in run.paths]
        spec = {"outdir": str(run.folder), "servers": servers, "cases": run.cases, "exclude-cases": []}
        spec_file = run.folder / "spec.json"
        spec_file.write_text(json.dumps({**spec, "exclude-agent-cases": {}}))
        command = [str(program), "--mode", "fuzzingclient", "--spec", str(spec_file)]
        done = subprocess.run(command, cwd=run.folder, capture_output=True, text=True, timeout=2400, check=False)
    index = run.folder / "index.json"
    if not index.exists():
        raise RuntimeError(f"the suite wrote no report:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    found: dict[str, dict[str, dict[str, str]]] = json.loads(index.read_text())
    return found


@contextmanager
def _echo(path: str) -> Iterator[int]:
    """Run the application in a process of its own and give its port."""
    command = [sys.executable, "-m", "tests.conformance.application", path]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def _install(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SuiteUnavailableError(f"cannot install Autobahn's suite: {' '.join(command)}\n{done.stderr[-2000:]}")
