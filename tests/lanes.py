"""Run the tests of `make test` in two lanes: what talks to servers of this machine, and beside it the rest.

The lane beside has what computes and what waits for hosts, and gets the time that the other one leaves. Its output
stands in .cache/tests/beside.log and is shown at the end: the summary, or all of it where something failed. What
measures time runs alone, behind both. Ctrl-C ends all as it ends pytest. Exits with the code of what failed first, 0
where nothing did.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.contract.source import ROOT
from tests.times import table

FOLDER = ROOT / ".cache" / "tests"
LOG = FOLDER / "beside.log"
FOLDERS = ("integration", "faults", "sdk", "client", "conformance")
BESIDE = ("infra", "unit", "fuzz", "scripts", "ansible", "chart")
# What measures time, and what builds images, comes last: when the lane beside has ended.
ALONE = ("browsers", "resilience", "benchmarks", "image", "cluster")
# By `make check`, which comes first.
HAVE_RUN = ("contract",)
INTERRUPTED = 130


def pytest_of(folders: Sequence[str], *options: str) -> list[str]:
    """Return the command that runs folders of tests/, in this order."""
    return [sys.executable, "-m", "pytest", *options, "-m", "not proof", *(f"tests/{folder}" for folder in folders)]


class Lanes:
    """The commands that run, and whether they are to end."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []
        self._is_ending = False

    def end(self, number: int) -> None:
        """Begin nothing more. The terminal has told pytest of Ctrl-C itself; of anything else it is told here."""
        self._is_ending = True
        for process in self._running if number != signal.SIGINT else []:
            process.send_signal(signal.SIGINT)

    def run(self, commands: Sequence[Sequence[str]], name: str, log: Path | None = None) -> int:
        """Run commands one after the other, whatever becomes of each, and return the first code that is not 0."""
        codes = [0]
        environment = os.environ | {"TEST_TIMES": str(FOLDER / f"{name}.json")}
        with (log or Path(os.devnull)).open("wb") as file:
            output = file if log else None
            for command in commands:
                if self._is_ending:
                    codes.append(INTERRUPTED)
                    break
                process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
                self._running.append(process)
                codes.append(process.wait())
                self._running.remove(process)
        if log:
            print(f"\nThe lane beside ended{' with a FAILURE' if any(codes) else ''}: {log}", flush=True)
        return next((code for code in codes if code), 0)


def show(seconds: float, codes: Mapping[str, int]) -> None:
    """Print what the lane beside said, the times of all, and which failed."""
    lines = LOG.read_text(errors="replace").splitlines()
    print(f"\n==== beside: {' '.join(BESIDE)}, lint-ansible ====")
    # Behind the last line of progress stand what was skipped, what is missing, and what the linters say.
    last = max((number for number, line in enumerate(lines, 1) if line.endswith("[100%]")), default=0)
    print("\n".join(lines if codes["beside"] else lines[last:]))
    parts: Counter[str] = Counter()
    for path in FOLDER.glob("*.json"):
        parts.update(json.loads(path.read_text()))
    print("\n==== time by part ====")
    print("\n".join([*table(parts), f"{'all':8} {seconds / 60:5.1f} min, in two lanes"]))
    for name, code in codes.items():
        if code:
            print(f"FAILED with {code}: the tests {name}, see above", flush=True)


def main() -> int:
    """Run both lanes."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    lanes, started = Lanes(), time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: lanes.end(number))
    nice = ["nice", "-n", "10"]
    beside = [
        [*nice, *pytest_of(BESIDE, "-o", "cache_dir=.cache/pytest-beside")],
        [*nice, sys.executable, "scripts/lint_ansible.py"],
    ]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lanes.run, beside, "beside", LOG)
        codes = {"in front": lanes.run([pytest_of(FOLDERS)], "front"), "beside": waiting.result()}
    codes["alone"] = lanes.run([pytest_of(ALONE)], "alone")
    show(time.monotonic() - started, codes)
    return next((code for code in codes.values() if code), 0)


if __name__ == "__main__":
    sys.exit(main())
