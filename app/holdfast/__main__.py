"""The way in: of the `holdfast` command, and of `python -m holdfast`, which is the same.

It imports nothing heavy itself: loading the command line takes a third of a second, in which Ctrl-C may come already.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

# 128 and the number of the signal, as shells say it.
_INTERRUPTED = 130


def main() -> None:
    """Run the command line of this process and exit with its code; Ctrl-C ends it with 130 from here on, quietly."""
    # Who starts a program in the background may have it ignore Ctrl-C; that is left as it is.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from holdfast.cli import main as run_command

    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run_command()
    except KeyboardInterrupt:  # commands answer it themselves; this is for the moments before and after
        sys.exit(_INTERRUPTED)


def _leave(number: int, frame: FrameType | None) -> None:
    # At once: an exception would pass through modules that are half loaded, and some of them print or swallow it.
    # Nothing has been begun that would have to be ended.
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
