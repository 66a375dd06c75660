"""Other commands of `holdfast`, run as programs of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

_SECONDS = 3600.0


class Done(NamedTuple):
    """How it ended, its JSON if it gave any, and what it said beside."""

    code: int
    answer: dict[str, Any]
    said: str


def run(*words: str, config: Path | None = None) -> Done:
    """Run `holdfast WORDS... --json` with these settings."""
    command = [sys.executable, "-m", "holdfast", *words, "--json", *(("--config", str(config)) if config else ())]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {}
    return Done(done.returncode, answer if isinstance(answer, dict) else {}, done.stderr.strip())
