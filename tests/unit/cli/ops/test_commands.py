"""Every script is a command, and a file of scripts/."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.cli.ops.commands import SCRIPTS

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("name", SCRIPTS)
def test_command_and_file(cli, name):
    """Both have the same name, the page of all says what it does, and --help its rails."""
    outcome = cli("ops", name.replace("_", "-"), "--help")

    assert outcome.code == 0
    assert "--yes" in outcome.out
    assert f'main("{name.replace("_", "-")}")' in (ROOT / "scripts" / f"{name}.py").read_text()
    assert name in (ROOT / "docs" / "recovery.md").read_text()
