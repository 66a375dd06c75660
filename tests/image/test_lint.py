"""The Dockerfile against hadolint's rules, and the file for Compose against Compose itself."""

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


def test_compose_file_is_understood() -> None:
    """Compose takes the file as it stands in the checkout."""
    require("compose")

    program = Path(sys.executable).with_name("docker-compose")
    words = [program, "--file", ROOT / "docker" / "compose.yaml", "config", "--quiet"]
    found = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    assert found.returncode == 0, found.stderr
