"""Lets the tests of scripts/deploy/ import it, and makes events as the callback writes them."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from deploy.events import Event, parse


def event(host: str = "gw1", task: str = "Do it", state: str = "changed", **more: Any) -> Event:
    """Return a result."""
    line = {"event": "result", "host": host, "role": "kernel_tuning", "task": task, "state": state, **more}
    return next(parse([json.dumps(line)]))
