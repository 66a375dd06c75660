"""What the operating system lets this process have: descriptors and pending connections."""

from __future__ import annotations

import resource
from pathlib import Path

_SOMAXCONN = Path("/proc/sys/net/core/somaxconn")


def raise_descriptor_limit() -> tuple[int, int]:
    """Raise the soft limit of open descriptors to the hard one and return both as they are then.

    A limit that cannot be raised (macOS refuses `unlimited`) stays as it is; -1 stands for no limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            pass
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def effective_backlog(asked: int, somaxconn: Path = _SOMAXCONN) -> int:
    """Return the listen backlog that the kernel grants, which is `net.core.somaxconn` at most (listen(2))."""
    try:
        return min(asked, int(somaxconn.read_text()))
    except (OSError, ValueError):
        return asked
