"""The `holdfast` command: one module a command group, put together in `program`.

Commands import what is heavy when they run, so that `holdfast version` answers at once.
"""

from __future__ import annotations

from holdfast.cli.program import main

__all__ = ["main"]
