"""A crowd whose server vanishes does not come back as one: simulated with the client's own decisions."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.parts import require

HERE = Path(__file__).parent
CLIENTS, WINDOW_MS = 10_000, 30_000
MOST = 0.05


@cache
def simulated() -> dict[str, Any]:
    """Return the largest share of attempts in any second, by what happened."""
    require("node")
    command = ["node", "herd.mjs", str(CLIENTS), str(WINDOW_MS)]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    shares: dict[str, Any] = json.loads(done.stdout)
    print({name: f"{one['worst']:.1%} first, {one['attempts']:.1%} of all attempts" for name, one in shares.items()})
    return shares


@pytest.mark.parametrize("what", ["websocket", "http_stream", "sse", "poll", "restarted"])
def test_herd_comes_back_spread(what: str) -> None:
    """10,000 clients, a window of 30 s: in no second do more than 5 % of them try for the first time.

    Whether the server is gone without a word, whatever the transport, or closes them over as long a drain.
    """
    assert simulated()[what]["worst"] <= MOST


def test_herd_that_fails_backs_off() -> None:
    """While the server is away the attempts of a second never come near the crowd."""
    assert max(one["attempts"] for one in simulated().values()) <= 0.25
