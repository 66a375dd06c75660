"""Tests of holdfast.telemetry.last_word."""

import os

import pytest

from holdfast.errors import BrokerError, ConfigError
from holdfast.telemetry.last_word import LIMIT_BYTES, VARIABLE, LastWord, compose, text_of
from holdfast.telemetry.redaction import HIDDEN


class PlainError(Exception):
    """An error whose text says what to do."""


def test_text_of_settings_names_every_fault():
    """Who mends settings sees all that is wrong, and where they are explained."""
    text = text_of(ConfigError(["token: expected a secret, saw none", "port: expected a number, saw text"]))

    assert text.startswith("settings_invalid: These settings cannot be used\n")
    assert "- token: expected a secret, saw none\n- port: expected a number, saw text\n" in text
    assert "What to do: mend the settings" in text


def test_text_of_cause_has_its_row():
    """A cause of the table is told with its slug, its meaning and its remedy."""
    error = BrokerError("broker_unavailable", "redis1:6379 refused the connection")

    text = text_of(error)

    assert text.splitlines()[0] == f"broker_unavailable: {error.code.meaning}"
    assert "- redis1:6379 refused the connection" in text
    assert f"What to do: {error.code.remedy}" in text


def test_text_of_taken_port_says_what_to_do():
    """The system's error comes with advice, which is kept."""
    text = text_of(OSError(98, "cannot listen on 0.0.0.0:8000: Address already in use; stop it or choose another"))

    assert text.startswith("cannot_start: ")
    assert "cannot listen on 0.0.0.0:8000: Address already in use; stop it or choose another" in text


def test_text_of_plain_error_is_its_own():
    """An error that is said to tell what to do is told as it is."""
    assert "- run it elsewhere" in text_of(PlainError("run it elsewhere"), PlainError)


def test_text_of_unexpected_error_has_no_text_of_it():
    """The text of an unforeseen error may hold a secret, so its kind and its place are all that is told."""

    def fail():
        raise ValueError("the-password-of-somebody")

    with pytest.raises(ValueError) as raised:
        fail()

    text = text_of(raised.value)
    assert "the-password" not in text
    assert text.startswith("crashed: An unexpected ValueError ended it\n")
    assert "in fail" in text


def test_compose_hides_what_looks_like_a_secret():
    """Tokens, and passwords in addresses, are hidden as they are in logs."""
    text = compose("cause", "meaning", ["saw redis://user:hunter22@redis1 and ?token=abcdefgh"], "mend it")

    assert "hunter22" not in text
    assert "abcdefgh" not in text
    assert HIDDEN in text


@pytest.mark.parametrize("one", ["fault of 30 characters or more", "ü" * 5000, "\udcff" * 900])
def test_compose_keeps_below_the_limit(one):
    """However much is wrong, the text fits, and says what to do at its end."""
    text = compose("cause", "meaning", [one] * 1000, "mend it")

    assert len(text.encode("utf-8", "backslashreplace")) <= LIMIT_BYTES
    assert text.endswith("What to do: mend it\n")
    assert " more\n" in text


def test_compose_makes_one_line_of_each():
    """A text with line ends cannot look like another line of ours."""
    assert "- one two\n" in compose("cause", "meaning", ["one\ntwo"], "mend it")


def test_last_word_written_for_an_error_that_is_raised_on(tmp_path):
    """What an earlier run left is replaced; the error goes its way."""
    path = tmp_path / "word"
    path.write_text("of an earlier run")

    with pytest.raises(ConfigError), LastWord.from_environment({VARIABLE: str(path)}).kept():
        raise ConfigError(["port: expected a number"])

    assert path.read_text().startswith("settings_invalid")


def test_last_word_empty_after_an_orderly_end(tmp_path):
    """An old word does not stay behind and mislead."""
    path = tmp_path / "word"
    path.write_text("of an earlier run")

    with LastWord(path).kept():
        pass

    assert path.read_text() == ""


def test_last_word_makes_no_file_without_a_fault(tmp_path):
    """Where there is nothing to say there is no file."""
    with LastWord(tmp_path / "word").kept():
        pass

    assert not (tmp_path / "word").exists()


@pytest.mark.parametrize("environ", [{}, {VARIABLE: ""}])
def test_last_word_off_by_default(environ):
    """Without a path nothing is written, and the error is still the one that counts."""
    with pytest.raises(PlainError), LastWord.from_environment(environ).kept():
        raise PlainError


def test_last_word_that_cannot_be_written_changes_nothing(tmp_path):
    """A folder, a missing folder, or a pipe without a reader does not hide or hold up the end."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "missing" / "word", tmp_path / "pipe"):
        with pytest.raises(PlainError), LastWord(path).kept():
            raise PlainError
