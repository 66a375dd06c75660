"""The Dockerfile against hadolint's rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.contract.source import ROOT
from tests.parts import require


def test_dockerfile_is_clean() -> None:
    """Its linter finds nothing."""
    require("hadolint")

    program = Path(sys.executable).with_name("hadolint")
    found = subprocess.run(
        [program, ROOT / "docker" / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False
    )

    assert (found.returncode, found.stdout) == (0, "")
