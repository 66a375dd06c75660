"""Beginning again as the same process, so that whoever watches or interrupts it notices nothing but a new start.

There is no supervisor. Nothing can loop, for each start needs somebody who asks for it; Ctrl-C and SIGTERM reach the
gateway itself.
"""

from __future__ import annotations

import os
import sys
from typing import Final, NoReturn

OPTION: Final = "--again"


def command_of(arguments: list[str], port: int) -> list[str]:
    """Return the command line, whose first word is the interpreter, that serves at the same port as before."""
    kept = arguments[1:]
    if OPTION in kept:
        at = kept.index(OPTION)
        kept = kept[:at] + kept[at + 2 :]
    return [sys.executable, *kept, OPTION, str(port)]


def start_again(port: int) -> NoReturn:
    """Become a new start of this command."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, command_of(sys.orig_argv, port))  # noqa: S606 - it is our own command
