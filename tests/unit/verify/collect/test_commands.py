from __future__ import annotations

from holdfast.verify.collect.commands import answer


def test_answer_is_text_without_a_reason():
    """What a program prints is the answer."""
    assert answer("echo", "here") == ("here\n", "")


def test_program_that_is_missing_or_fails_is_a_reason():
    """Neither is an error, both are named."""
    assert answer("holdfast-no-such-program") == ("", "this host has no program holdfast-no-such-program")
    assert answer("sh", "-c", "echo so; echo no >&2; exit 2") == ("so\n", "sh: no")
    assert answer("false") == ("", "false: exit code 1")
