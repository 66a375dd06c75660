"""`holdfast ops restore-state`; the imports are played."""

from __future__ import annotations

from tests.unit.cli.ops.conftest import MORE
from tests.unit.cli.ops.test_backup_state import folder, state

__all__ = ["folder", "state"]


def restore(cli, folder, *options):
    """Restore a file."""
    return cli("ops", "restore-state", str(folder / "a"), *options)


def test_tries_before_it_acts(cli, state, folder):
    """Without --yes only the trial; with it the same again, for good."""
    assert restore(cli, folder).code == 0
    assert [words[1:2] + words[-1:] for words in state.runs][-1] == ("import", "86400")
    state.runs.clear()
    outcome = restore(cli, folder, "--force-old", *MORE)

    assert outcome.code == 0
    assert [words[1] for words in state.runs] == ["inspect", "import", "import"]
    assert state.runs[1] == state.runs[2][:-1]
    assert state.runs[2][-2:] == ("--force-old", "--yes")


def test_what_is_there_is_saved_first(cli, state, folder):
    """Where it might be changed."""
    outcome = restore(cli, folder, "--force-not-empty", *MORE)

    assert outcome.code == 0
    assert [words[1] for words in state.runs] == ["inspect", "import", "export", "inspect", "import"]
    assert ".before-" in state.runs[2][2]


def test_refusals(cli, state, folder):
    """A damaged file, or what speaks against it, ends it before anything is done, with the code of the command."""
    state.codes["inspect"] = 4
    assert restore(cli, folder, *MORE).code == 4
    state.codes = {"import": 2}
    state.runs.clear()
    outcome = restore(cli, folder, *MORE)

    assert outcome.code == 2
    assert "nothing was changed" in outcome.err
    assert "--yes" not in state.runs[-1]


def test_part_of_it(cli, state, folder):
    """Exit code 1 as the command's."""
    state.codes["import"] = 1
    assert restore(cli, folder, *MORE).code == 1
