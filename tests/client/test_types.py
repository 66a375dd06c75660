"""The browser client's JSDoc types hold: `tsc --strict` finds nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.parts import require

HERE = Path(__file__).parent


def test_types_hold() -> None:
    """The compiler has nothing to say about the client as it is served."""
    require("npm:tests/client")

    command = ["node", "node_modules/typescript/bin/tsc", "--project", "."]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=110, check=False)

    assert done.returncode == 0, done.stdout
