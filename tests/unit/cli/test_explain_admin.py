from __future__ import annotations

from typing import Any

import pytest

from holdfast.cli import explain_admin
from holdfast.cli.admin_client import RefusedError
from holdfast.cli.explain_admin import ask_gateway
from holdfast.cli.failure import CliError, Exit
from holdfast.diagnostics.timeline import Span, Subject

ATTEMPT = "0123456789abcdef0123456789abcdef"
CLIENT = "fedcba9876543210fedcba9876543210"
WHERE = (None, "http://127.0.0.1:1", "word")
NOW = 1_700_000_000.0
REFUSED = {"state": "refused", "attempt": ATTEMPT, "at": NOW, "slug": "origin_not_allowed", "user": ""}
ENDED = {
    "state": "ended",
    "client": CLIENT,
    "attempt": ATTEMPT,
    "opened_at": NOW,
    "ended_at": NOW + 9,
    "slug": "no_pong",
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """By path: what is answered, or raised."""
    answers: dict[str, Any] = {
        "/admin/attempts": {"instance": "gw", "reaches_back_to": NOW - 60, "attempts": []},
        "/admin/connections": {"instance": "gw", "reaches_back_to": None, "connections": []},
    }

    def ask(place: Any, path: str, query: Any = None) -> Any:
        answers.setdefault("asked", []).append((path, query))
        answer = answers.get(path, RefusedError("refused", "unknown_attempt"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(explain_admin, "ask", ask)
    return answers


def test_records_of_a_user_become_entries(asked: dict[str, Any]) -> None:
    """Refusals and connections, how far back each reaches, and the ids to search files for."""
    asked["/admin/attempts"]["attempts"] = [REFUSED]
    asked["/admin/connections"]["connections"] = [{**ENDED, "user": "anna"}]
    subject = Subject("anna")
    found = ask_gateway(subject, WHERE, Span())

    assert [entry.what for entry in found.entries] == ["connection_refused", "connection_opened", "connection_closed"]
    assert {entry.instance for entry in found.entries} == {"gw"}
    assert [(one.oldest, one.matches) for one in found.sources] == [(NOW - 60, 1), (None, 1)]
    assert subject.ids == {ATTEMPT, CLIENT}
    assert asked["asked"][0] == ("/admin/attempts", {"user": "anna", "limit": "1000"})


def test_id_is_asked_for_by_its_own_path(asked: dict[str, Any]) -> None:
    """Whatever it stands for."""
    asked[f"/admin/connections/{ATTEMPT}"] = {"instance": "gw", **ENDED, "seen": {}}
    subject = Subject(ATTEMPT)
    found = ask_gateway(subject, WHERE, Span(NOW + 5))

    assert [entry.what for entry in found.entries] == ["connection_closed"]
    assert CLIENT in subject.ids
    assert [one.matches for one in found.sources] == [0, 1]
    assert asked["asked"][0][1]["since"] == str(NOW + 5)
    assert "until" not in asked["asked"][0][1]


def test_unknown_id_is_no_fault(asked: dict[str, Any]) -> None:
    """The gateway answered: it does not know it."""
    found = ask_gateway(Subject(ATTEMPT), WHERE, Span())

    assert found.entries == []
    assert [one.note for one in found.sources] == ["", ""]


@pytest.mark.parametrize("error", [CliError("no gateway\n  answered", Exit.UNKNOWN), RefusedError("refused: x", "x")])
def test_gateway_that_does_not_tell_is_noted(asked: dict[str, Any], error: CliError) -> None:
    """The files may know more."""
    asked["/admin/attempts"] = error
    found = ask_gateway(Subject("anna"), WHERE, Span())

    assert [one.note for one in found.sources] == [" ".join(str(error).split())]


def test_refusal_of_an_id_is_noted(asked: dict[str, Any]) -> None:
    """Only an unknown one is an answer."""
    asked[f"/admin/connections/{ATTEMPT}"] = RefusedError("refused: admin_token_invalid", "admin_token_invalid")

    assert ask_gateway(Subject(ATTEMPT), WHERE, Span()).sources[-1].note == "refused: admin_token_invalid"


def test_full_answer_says_that_there_may_be_more(asked: dict[str, Any]) -> None:
    """Only the latest are given."""
    asked["/admin/attempts"]["attempts"] = [REFUSED] * 1000

    assert ask_gateway(Subject("anna"), WHERE, Span()).sources[0].note == "only the latest 1000"


@pytest.mark.parametrize(
    ("gap", "note"), [({"missing": ["gw-2"]}, "gw-2"), ({"trouble": "broker_unavailable"}, "broker_unavailable")]
)
def test_instances_that_did_not_answer_are_said(asked: dict[str, Any], gap: dict[str, Any], note: str) -> None:
    """Nobody takes a part for the whole."""
    asked["/admin/attempts"] |= gap
    found = ask_gateway(Subject("anna"), WHERE, Span())

    assert found.sources[0].note == f"without other instances: {note}"
    assert found.sources[1].note == ""
