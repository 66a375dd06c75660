"""The browser client stays small: what a page loads at first, and all there is."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from tests.parts import require

HERE = Path(__file__).parent
CORE_BYTES, EVERYTHING_BYTES = 14_000, 45_000


@cache
def measured() -> dict[str, Any]:
    """Return what sizes.mjs says."""
    require("npm:tests/client")
    done = subprocess.run(["node", "sizes.mjs"], cwd=HERE, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    sizes: dict[str, Any] = json.loads(done.stdout)
    print(f"core {sizes['core']} of {CORE_BYTES} bytes, everything {sizes['everything']} of {EVERYTHING_BYTES}")
    return sizes


def test_core_is_small() -> None:
    """The service over WebSocket, minified and compressed."""
    sizes = measured()

    assert sizes["core"] <= CORE_BYTES, json.dumps(sizes["modules"], indent=1)


def test_everything_is_small() -> None:
    """All that an application can load, minified and compressed."""
    sizes = measured()

    assert sizes["everything"] <= EVERYTHING_BYTES, json.dumps(sizes["files"], indent=1)
