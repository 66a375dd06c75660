"""The browser client's own tests, run by Node: one test here for each file of unit/."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.parts import require

HERE = Path(__file__).parent
FILES = sorted((HERE / "unit").glob("*.test.mjs"))
RUN_SECONDS = 110


def run(path: Path, **environment: str) -> None:
    """Run a file, all of whose tests must pass."""
    require("node")
    # Without --test, which would start a second Node for the file.
    command = ["node", "--test-reporter=tap", str(path)]
    env = os.environ | environment
    done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_client_unit(path: Path) -> None:
    """Every test of the file passes in Node, with a clock and sockets that the test moves."""
    run(path)


@pytest.mark.proof
def test_client_model_in_full() -> None:
    """What always holds of the client does so over ten times as many random sequences."""
    run(HERE / "unit" / "model.test.mjs", SEQUENCES="3000")
