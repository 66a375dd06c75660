"""The `holdfast` command: one module a command group, put together in `program`.

Commands import what is heavy when they run, so that `holdfast version` answers at once.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process and exit with its code."""
    from holdfast.cli.program import run

    sys.exit(run(sys.argv[1:]))
