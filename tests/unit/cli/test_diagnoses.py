from __future__ import annotations

import json

import pytest

from holdfast.cli.admin_client import RefusedError
from holdfast.cli.diagnoses import asked, from_json, show, show_all, table
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.place import Place
from holdfast.diagnostics.findings import Diagnosis, Finding

FOUND = Diagnosis(
    "resources",
    (
        Finding("somaxconn", "warning", "The kernel caps the backlog.", "128 of 4096", "Raise net.core.somaxconn."),
        Finding("descriptors", "ok", "Enough for 8,000 connections."),
    ),
)


def test_table_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Each finding has a line, and what is not fine has a remedy."""
    assert show(FOUND, as_json=False) == 1

    text = capsys.readouterr().out
    assert text.startswith("resources: warning")
    assert "128 of 4096" in text
    assert "somaxconn: Raise net.core.somaxconn." in text
    assert "descriptors:" not in text


def test_table_says_one_cure_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Two findings with one cure are two lines, and the cure is one."""
    two = tuple(
        Finding("mistake_clock", "critical", f"`{name}` is ahead", remedy="Synchronise.") for name in ("iat", "nbf")
    )

    show(Diagnosis("token", two), as_json=False)

    text = capsys.readouterr().out
    assert text.count("is ahead") == 2
    assert text.count("mistake_clock: Synchronise.") == 1


def test_table_has_the_worst_first() -> None:
    """Whoever looks sees it at once; the order of all else stays."""
    found = Diagnosis("x", (*reversed(FOUND.findings), Finding("a", "critical", "A."), Finding("b", "unknown", "B.")))

    rows = table(found).split("\n\n")[1].splitlines()

    assert [row.split()[1] for row in rows] == ["CHECK", "a", "somaxconn", "b", "descriptors"]


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """For programs."""
    assert show(FOUND, as_json=True) == 1

    assert json.loads(capsys.readouterr().out)["severity"] == "warning"


def test_several_are_shown_with_the_worst_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """As tables one below the other, or as one object."""
    assert show_all([FOUND, Diagnosis("token", ())], as_json=False) == 1
    text = capsys.readouterr().out
    assert text.startswith("resources: warning; fine: 1, which")
    assert "\n\ntoken: ok" in text
    assert "8,000" not in text
    assert show_all([FOUND], as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["diagnoses"][0]["service"] == "resources"


def test_several_that_say_the_same_say_it_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A gateway that is down is down for each of them."""
    down = (Finding("asked", "unknown", "no gateway answered", "", "Start it."),)
    show_all([Diagnosis("token", down), FOUND, Diagnosis("connections", down)], as_json=False)

    text = capsys.readouterr().out
    assert text.count("no gateway answered") == 1
    assert "token, connections: unknown\n" in text


def test_diagnosis_is_read_back_from_json() -> None:
    """What a gateway answers is the same again."""
    assert from_json(FOUND.as_json()) == FOUND


def test_gateway_that_refuses_to_tell_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2 would say that what was asked about is broken."""

    def refuse(*_: object) -> None:
        raise RefusedError("/admin/x was refused: admin_token_missing", "admin_token_missing")

    monkeypatch.setattr("holdfast.cli.admin_client.ask", refuse)
    with pytest.raises(CliError, match="admin_token_missing") as raised:
        asked(Place("http://h:1", "http://h:1"), "/admin/x")

    assert raised.value.code is Exit.UNKNOWN


@pytest.mark.parametrize("answer", [{}, [], {"service": "x", "findings": [{"check": 1}]}])
def test_answer_of_another_version_is_no_diagnosis(answer: object) -> None:
    """What is something else is not guessed at."""
    with pytest.raises(CliError):
        from_json(answer)
