"""Runs a recovery script with the Python that has Holdfast: this one, or that of the checkout's .venv."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

VENV = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "python"


def main(name: str) -> int:
    """Run `holdfast ops NAME` with the arguments of this process; 4 where there is no Holdfast to run."""
    if find_spec("holdfast") is None:
        if not VENV.exists() or Path(sys.executable) == VENV:
            print(
                "Holdfast is not installed for this Python, and there is no .venv: run `make setup`.", file=sys.stderr
            )
            return 4
        os.execv(VENV, [str(VENV), *sys.argv])  # noqa: S606 - the same program, with another Python
    from holdfast.cli.program import run

    return run(["ops", name, *sys.argv[1:]])
