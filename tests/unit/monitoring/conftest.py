from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.brokers import Clock

Write = Callable[[str, str], None]


@pytest.fixture
def clock() -> Clock:
    """Seconds that stand still."""
    return Clock()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write one of the kernel's files under `tmp_path`."""

    def write(path: str, text: str) -> None:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    return write
