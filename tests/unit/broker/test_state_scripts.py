"""What an import's scripts are given; what they do is proven with a real Redis."""

from __future__ import annotations

from holdfast.broker.state_scripts import COMMIT, RESULT, STAGE, entries_of, formers_of


def test_formers_are_bounded():
    """The latest stay, in their order, each with the offset that it is valid up to."""
    formers = ""
    for number in range(10):
        formers = formers_of(formers, f"e{number}", number)

    assert formers == " ".join(f"e{number}:{number}" for number in range(2, 10))


def test_entries_have_ids_from_the_first():
    """Ids and records follow each other."""
    assert entries_of(7, [b"x", b"y"]) == ["7-0", b"x", "8-0", b"y"]


def test_scripts_that_write_are_refused_as_a_whole():
    """A full or read-only Redis refuses them before they begin."""
    assert all(script.source.startswith(b"#!lua\n") for script in (STAGE, COMMIT, RESULT))
