"""Options of pip, parted into what a file holds and what the command line says."""

from __future__ import annotations

import configparser

import pytest

from tests.scripts.collection import plugin

pip = plugin("filter.pip")
LOGIN = "https://deploy:word@packages.example/simple"


def test_addresses_go_by_file_and_all_else_stays() -> None:
    """As pip reads its configuration: the last index counts, and all other addresses."""
    given = f"-i https://a/ --pre --index-url={LOGIN} --extra-index-url https://b/ --no-index --find-links http://c/"
    given += " -f http://d/ --trusted-host c --timeout=3 --extra-index-url=https://e/"
    found = pip.pip_options(given.split())
    file = configparser.RawConfigParser()
    file.read_string(found["file"])

    assert found["words"] == ["--pre", "--no-index", "--trusted-host", "c", "--timeout=3"]
    assert file["install"]["index-url"] == LOGIN
    assert file["install"]["extra-index-url"].split() == ["https://b/", "https://e/"]
    assert file["install"]["find-links"].split() == ["http://c/", "http://d/"]


def test_no_options_are_no_file_and_no_words() -> None:
    """What the host has of its own counts then."""
    assert pip.pip_options([]) == {"file": "[install]\n", "words": []}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--index", LOGIN], "it follows --index"),
        ([LOGIN], "it follows nothing"),
        ([f"--indexurl={LOGIN}"], "it follows nothing"),
        (["--index-url"], "--index-url needs one address"),
        (["--find-links", "https://deploy:word@a/ b"], "--find-links needs one address"),
        (["--find-links=https://deploy:word@a/\nno-index = true"], "--find-links needs one address"),
    ],
)
def test_login_that_would_be_seen_is_refused(options, said) -> None:
    """By the option before it, and without it."""
    with pytest.raises(Exception, match=said) as error:
        pip.pip_options(options)

    assert "word@" not in str(error.value)


def test_logins_are_left_out_of_what_is_shown() -> None:
    """The host stays."""
    text = f"Looking in indexes: {LOGIN}, https://pypi.example/simple"

    assert pip.without_logins(text) == text.replace("deploy:word@", "****@")
