"""Runs files of javascript/ in one Node process with its own test runner, and tells which of their tests passed."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path
from subprocess import PIPE, STDOUT

HERE = Path(__file__).parent
RUN_SECONDS = 100
RESULT = re.compile(r"^(not ok|ok) \d+ - (.*?)(?: # (SKIP)?.*)?$", re.MULTILINE)

Environment = tuple[tuple[str, str], ...]


@cache
def run(files: tuple[str, ...], environment: Environment, names: tuple[str, ...] = ()) -> tuple[dict[str, bool], str]:
    """Run test files one after the other, or only those tests; return which passed, and everything printed."""
    chosen = "|".join(re.escape(name) for name in names)
    only = [f"--test-name-pattern=^({chosen})$"] if chosen else []
    program = "".join(f"import './javascript/{file}';" for file in files)
    command = ["node", "--test-reporter=tap", *only, "--input-type=module", "--eval", program]
    env = {**os.environ, **dict(environment)}
    with subprocess.Popen(command, cwd=HERE, env=env, stdout=PIPE, stderr=STDOUT, text=True) as process:
        try:
            printed, _ = process.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            printed = process.communicate()[0] + f"\nended after {RUN_SECONDS} s"
    results = {what.replace("\\#", "#"): verdict == "ok" for verdict, what, skip in RESULT.findall(printed) if not skip}
    return results, printed


def part_about(name: str, printed: str) -> str:
    """Return what the runner said of one test, or all of it when it never came to it."""
    match = re.search(rf"not ok \d+ - {re.escape(name)}\n(.*?)\n  \.\.\.", printed, re.DOTALL)
    return match.group(1) if match else printed[-4000:]
