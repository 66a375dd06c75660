"""The browser client's own tests, run by Node: one test here for each file of unit/."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.parts import require

HERE = Path(__file__).parent
FILES = sorted((HERE / "unit").glob("*.test.mjs"))
RUN_SECONDS = 110


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_client_unit(path: Path) -> None:
    """Every test of the file passes in Node, with a clock and sockets that the test moves."""
    require("node")

    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", str(path)],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
