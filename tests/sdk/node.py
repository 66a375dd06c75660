"""Runs files of javascript/ in one Node process with its own test runner, and tells which of their tests passed."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path
from subprocess import PIPE, STDOUT

HERE = Path(__file__).parent
RUN_SECONDS = 240  # on a loaded machine; it takes 20 at most on an idle one
# Most of a test is waiting, so that a few go on at once. Those of RESTARTING would disturb all others: they come last.
TESTS_AT_ONCE = 4
RESTARTING = ("restart.test.mjs",)
SUITE = "tests side by side"
RESULT = re.compile(r"^ *(not ok|ok) \d+ - (.*?)(?: # (SKIP)?.*)?$", re.MULTILINE)

Environment = tuple[tuple[str, str], ...]


@cache
def run(files: tuple[str, ...], environment: Environment, names: tuple[str, ...] = ()) -> tuple[dict[str, bool], str]:
    """Run test files, or only those tests of them; return which passed, and everything printed."""
    chosen = "|".join(re.escape(name) for name in names)
    only = [f"--test-name-pattern=^({chosen})$"] if chosen else []
    command = ["node", "--test-reporter=tap", *only, "--input-type=module", "--eval", program(files)]
    env = {**os.environ, **dict(environment)}
    with subprocess.Popen(command, cwd=HERE, env=env, stdout=PIPE, stderr=STDOUT, text=True) as process:
        try:
            printed, _ = process.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            printed = process.communicate()[0] + f"\nended after {RUN_SECONDS} s"
    results = {what.replace("\\#", "#"): verdict == "ok" for verdict, what, skip in RESULT.findall(printed) if not skip}
    results.pop(SUITE, None)
    return results, printed


def program(files: tuple[str, ...]) -> str:
    """Return what Node runs: the tests of all files side by side, and behind them those that restart the gateway."""
    side_by_side = "".join(f"await import('./javascript/{file}');" for file in files if file not in RESTARTING)
    at_the_end = "".join(f"await import('./javascript/{file}');" for file in files if file in RESTARTING)
    suite = f"await describe('{SUITE}', {{ concurrency: {TESTS_AT_ONCE} }}, async () => {{{side_by_side}}});"
    return f"import {{ describe }} from 'node:test';{suite if side_by_side else ''}{at_the_end}"


def part_about(name: str, printed: str) -> str:
    """Return what the runner said of one test, or all of it when it never came to it."""
    match = re.search(rf"^ *not ok \d+ - {re.escape(name)}\n(.*?)\n *\.\.\.$", printed, re.DOTALL | re.MULTILINE)
    return match.group(1) if match else printed[-4000:]
