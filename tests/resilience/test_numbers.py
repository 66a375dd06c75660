"""The checker of the crowds, run by Node."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.parts import require


def test_checker_finds_what_it_must():
    """A number that is missing, doubled, late or told of is counted as that and as nothing else."""
    require("node")
    path = Path(__file__).parent / "numbers.test.mjs"

    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", str(path)], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
