"""The stock JavaScript SDK: each test of javascript/*.test.mjs is one test here, run by Node's own test runner."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path
from subprocess import PIPE, STDOUT

import pytest

from tests.parts import require
from tests.sdk.gateway import SdkGateway

HERE = Path(__file__).parent
FILES = sorted((HERE / "javascript").glob("*.test.mjs"))
FILE_SECONDS = 100
CODECS = ("json", "protobuf")
NAME = re.compile(r"^test\('([^']+)'", re.MULTILINE)
RESULT = re.compile(r"^(not ok|ok) \d+ - (.*?)(?: # .*)?$", re.MULTILINE)
CASES = [(path.name, name) for path in FILES for name in NAME.findall(path.read_text())]
IDS = [f"{file.removesuffix('.test.mjs')}: {name}" for file, name in CASES]


@cache
def run(name: str, environment: tuple[tuple[str, str], ...]) -> tuple[dict[str, bool], str]:
    """Run one test file and return which of its tests passed, and everything it printed."""
    command = ["node", "--test", "--test-reporter=tap", f"javascript/{name}"]
    env = {**os.environ, **dict(environment)}
    with subprocess.Popen(command, cwd=HERE, env=env, stdout=PIPE, stderr=STDOUT, text=True) as process:
        try:
            printed, _ = process.communicate(timeout=FILE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            printed = process.communicate()[0] + f"\nended after {FILE_SECONDS} s"
    results = {what.replace("\\#", "#"): verdict == "ok" for verdict, what in RESULT.findall(printed)}
    return results, printed


@pytest.mark.parametrize(("file", "name"), CASES, ids=IDS)
@pytest.mark.parametrize("codec", CODECS)
def test_javascript_sdk(file: str, name: str, codec: str, sdk_gateway: SdkGateway) -> None:
    """The named test of the stock JavaScript SDK passes in each codec."""
    require("npm:tests/sdk")

    results, printed = run(file, (*sdk_gateway.environment(), ("HOLDFAST_CODEC", codec)))

    assert results.get(name), part_about(name, printed)


def part_about(name: str, printed: str) -> str:
    """Return what the runner said of one test, or all of it when it never came to it."""
    match = re.search(rf"not ok \d+ - {re.escape(name)}\n(.*?)\n  \.\.\.", printed, re.DOTALL)
    return match.group(1) if match else printed[-4000:]
