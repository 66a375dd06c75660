"""`holdfast ops backup-state`; the exports are played."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.cli.ops import subcommand
from holdfast.cli.ops.subcommand import Done
from tests.unit.cli.ops.conftest import MORE


@pytest.fixture
def state(monkeypatch):
    """`holdfast state`, by subcommand: what is run, and how each ends."""

    class State:
        def __init__(self) -> None:
            self.runs: list[tuple[str, ...]] = []
            self.codes: dict[str, int] = {}

        def run(self, *words: str, config: Path | None = None) -> Done:
            """Play one."""
            self.runs.append(words)
            if words[1] == "export":
                Path(words[2]).write_text("state")
            return Done(self.codes.get(words[1], 0), {"did": words[1]}, "because")

    found = State()
    monkeypatch.setattr(subcommand, "run", found.run)
    return found


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where files go."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    made = tmp_path / "backups"
    made.mkdir()
    return made


def test_writes_looks_and_lets_go(cli, state, folder):
    """The youngest stay, files of others too."""
    for name in ("holdfast-state-20200101T000000Z.snapshot", "holdfast-state-20210101T000000Z.snapshot", "mine"):
        (folder / name).touch()
    outcome = cli("ops", "backup-state", str(folder), "--keep", "2", *MORE, "--json")
    names = sorted(path.name for path in folder.iterdir())

    assert outcome.code == 0
    assert [words[1] for words in state.runs] == ["export", "inspect"]
    assert names[0] == "holdfast-state-20210101T000000Z.snapshot"
    assert (len(names), names[-1]) == (3, "mine")
    assert outcome.json()["file"] == str(folder / names[1])


def test_plan(cli, state, folder):
    """Nothing is written."""
    assert cli("ops", "backup-state", str(folder)).code == 0
    assert list(folder.iterdir()) == []
    assert cli("ops", "backup-state", str(folder / "none")).code == 3


@pytest.mark.parametrize("part", ["export", "inspect"])
def test_failure_keeps_the_old_ones(cli, state, folder, part):
    """What could not be written, or is not whole, replaces nothing."""
    old = folder / "holdfast-state-20200101T000000Z.snapshot"
    old.touch()
    state.codes[part] = 2
    outcome = cli("ops", "backup-state", str(folder), "--keep", "1", *MORE)

    assert outcome.code == 2
    assert "because" in outcome.err
    assert old.exists()
