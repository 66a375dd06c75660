"""Tests of holdfast.cli.running. A file's lock belongs to whoever opened it, so one process can stand for two."""

import fcntl
import os
from pathlib import Path

import pytest

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.first_run import dev_settings
from holdfast.cli.place import LOCAL_FILE, admin_place, place
from holdfast.cli.running import FILE, Note, place_here, running

BASE = "http://127.0.0.1:8123"
NO_HISTORY = {"HOLDFAST_BROKER__SNAPSHOT_PATH": ""}


@pytest.fixture
def loaded():
    """Settings of a first start."""
    return dev_settings(None, {}, {"port": 8123})


@pytest.fixture
def note(loaded):
    """A gateway that runs here."""
    held = Note(sleep=lambda _seconds: None)
    held.claim(loaded, None, {})
    yield held
    held.close()


def test_running_is_known_while_the_gateway_runs(note, loaded):
    """And not a moment longer; the file has no secret."""
    note.tell(loaded, BASE)

    found = running()
    assert (found.pid, found.port, found.public, found.internal) == (os.getpid(), 8123, BASE, BASE)
    assert loaded.admin.token.get_secret_value() not in FILE.read_text()
    note.close()
    assert running() is None


def test_running_takes_no_word_of_a_process_that_is_gone(note, loaded):
    """What was left by a crash says nothing, for nobody holds it."""
    note.tell(loaded, BASE)
    left = FILE.read_text()
    note.close()
    FILE.write_text(left)

    assert running() is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_running_takes_no_word_it_cannot_read(note, content):
    """A file of another version, or one that is just being written."""
    FILE.write_text(content)

    assert running() is None


def test_second_start_says_where_the_first_is(note, loaded):
    """In one sentence, with the process, the address and a line to type."""
    note.tell(loaded, BASE)

    with pytest.raises(CliError) as found:
        Note(sleep=lambda _seconds: None).claim(loaded, None, {})

    assert found.value.code == Exit.USAGE
    assert f"at {BASE} (process {os.getpid()})" in str(found.value)
    assert "HOLDFAST_PORT=8124 HOLDFAST_BROKER__SNAPSHOT_PATH= make run" in str(found.value)


@pytest.mark.parametrize(
    ("port", "environ", "is_refused"),
    [(8124, {}, True), (8123, NO_HISTORY, True), (8124, NO_HISTORY, False), (0, NO_HISTORY, False)],
)
def test_second_start_needs_what_the_first_has(note, port, environ, is_refused):
    """Its port or its history; one that needs neither starts, and leaves the note to the first."""
    second = Note(sleep=lambda _seconds: None)
    wanted = dev_settings(None, environ, {"port": port})

    if is_refused:
        with pytest.raises(CliError, match="already runs"):
            second.claim(wanted, None, {})
        return
    second.claim(wanted, None, {})
    second.tell(wanted, "http://127.0.0.1:9")
    second.close()
    assert running().port == 8123


def test_claim_outlasts_somebody_who_reads(loaded):
    """A command that looks at the file holds it for a moment."""
    FILE.touch()
    with FILE.open("rb") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        note = Note(sleep=lambda _seconds: fcntl.flock(reader, fcntl.LOCK_UN))
        note.claim(loaded, None, {})

    assert running() is not None
    note.close()


def test_commands_find_the_gateway_of_the_folder(note, loaded, monkeypatch):
    """Its address, and the secrets of its settings; not where something else was named."""
    assert place(None, "").public == "http://127.0.0.1:8000", "it does not listen yet"
    note.tell(loaded, BASE)

    assert place(None, "").public == place(None, "http://localhost:8123").public == BASE
    assert admin_place(None, "").admin_token == loaded.admin.token.get_secret_value()
    assert admin_place(None, "http://localhost:8123").admin_token == loaded.admin.token.get_secret_value()
    assert admin_place(None, "http://localhost:8124").admin_token == ""
    assert place(None, "http://gw.example:8123").api_key == ""
    monkeypatch.setenv("HOLDFAST_PORT", "9000")
    assert place(None, "").public == "http://127.0.0.1:9000"


def test_gateway_of_other_settings_is_not_meant(note, loaded):
    """A file that the command line names is of another gateway, unless it is the same file."""
    note.tell(loaded, BASE)

    assert place_here(Path("mine.yaml"), {}) is None
    assert place_here(None, {"HOLDFAST_CONFIG": "mine.yaml"}) is None
    assert place_here(LOCAL_FILE, {}).public == BASE
