"""Autobahn's test suite: getting it (a Python 2.7 program, kept in .cache/) and running it against our echo."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import venv
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.parts import PYTHON2_HOW, ROOT, python2

CACHE = ROOT / ".cache" / "autobahn"
REQUIREMENTS = Path(__file__).with_name("autobahn-requirements.txt")
VIRTUALENV = "virtualenv<20.22"  # the last that can make environments for Python 2.7

# Groups 12 and 13 are permessage-deflate, which is not negotiated.
ALL_CASES = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*")
COUNT_OF_ALL = 301
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


def run_suite(paths: tuple[str, ...], cases: tuple[str, ...], folder: Path) -> list[Report]:
    """Run cases against an echo server for each path and return the reports; HTML of each case goes to `folder`.

    Raises:
        SuiteUnavailableError: see `install_suite`.
    """
    program = install_suite()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        servers = [{"agent": path, "url": f"ws://127.0.0.1:{stack.enter_context(_echo(path))}"} for path in paths]
        spec = {"outdir": str(folder), "servers": servers, "cases": cases, "exclude-cases": []}
        spec_file = folder / "spec.json"
        spec_file.write_text(json.dumps({**spec, "exclude-agent-cases": {}}))
        command = [str(program), "--mode", "fuzzingclient", "--spec", str(spec_file)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1200, check=False)
    index = folder / "index.json"
    if not index.exists():
        raise RuntimeError(f"the suite wrote no report:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return [_report(path, verdicts) for path, verdicts in sorted(json.loads(index.read_text()).items())]


def _report(path: str, verdicts: dict[str, dict[str, str]]) -> Report:
    report = Report(path)
    for case, verdict in sorted(verdicts.items()):
        report.verdicts[verdict["behavior"]] += 1
        if verdict["behavior"] not in PASSED or verdict["behaviorClose"] not in PASSED:
            report.failed.append(f"{case} ({verdict['behavior']}, close {verdict['behaviorClose']})")
    return report


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
