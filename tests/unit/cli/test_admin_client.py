from __future__ import annotations

import httpx
import pytest

from holdfast.cli import admin_client
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.place import Place

PLACE = Place("http://127.0.0.1:1", "http://127.0.0.1:2", admin_token="word")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Response | httpx.Request]:
    """Put the answer in; find the request behind it."""
    kept: list[httpx.Response | httpx.Request] = []

    def send(request: httpx.Request) -> httpx.Response:
        kept.append(request)
        assert isinstance(kept[0], httpx.Response)
        return kept[0]

    monkeypatch.setattr(admin_client, "send", send)
    return kept


def test_ask_carries_token_and_query(answers: list[httpx.Response | httpx.Request]) -> None:
    """To the internal port, as the admin paths want it."""
    answers.append(httpx.Response(200, json={"count": 1}))

    assert admin_client.ask(PLACE, "/admin/attempts", {"user": "anna"}) == {"count": 1}

    request = answers[1]
    assert isinstance(request, httpx.Request)
    assert str(request.url) == "http://127.0.0.1:2/admin/attempts?user=anna"
    assert request.headers["authorization"] == "Bearer word"


def test_order_posts_json(answers: list[httpx.Response | httpx.Request]) -> None:
    """Orders have a body."""
    answers.append(httpx.Response(200, json={}))

    admin_client.order(PLACE, "/admin/revocations", {"user": "anna"})

    request = answers[1]
    assert isinstance(request, httpx.Request)
    assert (request.method, request.content) == ("POST", b'{"user":"anna"}')


def test_refusal_says_what_to_do(answers: list[httpx.Response | httpx.Request]) -> None:
    """The cause and its remedy, and never the token."""
    answers.append(httpx.Response(403, json={"slug": "admin_token_invalid", "message": "It is not."}))

    with pytest.raises(CliError, match=r"admin_token_invalid\n  It is not.\n  Compare --admin-token") as raised:
        admin_client.ask(PLACE, "/admin/attempts")

    assert raised.value.code is Exit.REFUSED
    assert "word" not in str(raised.value)


@pytest.mark.parametrize("answer", [httpx.Response(200, text="hello"), httpx.Response(404, json={"detail": "no"})])
def test_stranger_is_unknown(answers: list[httpx.Response | httpx.Request], answer: httpx.Response) -> None:
    """Something else listens there."""
    answers.append(answer)

    with pytest.raises(CliError, match="no gateway") as raised:
        admin_client.ask(PLACE, "/admin/attempts")

    assert raised.value.code is Exit.UNKNOWN


@pytest.mark.parametrize(("token", "words"), [("", "--admin-token"), ("word", "Set `admin.token`")])
def test_missing_token_is_told_by_who_lacks_it(
    answers: list[httpx.Response | httpx.Request], token: str, words: str
) -> None:
    """The command line, or the gateway where one was sent."""
    answers.append(httpx.Response(401, json={"slug": "admin_token_missing", "message": "None."}))

    with pytest.raises(CliError, match=words):
        admin_client.ask(Place("http://h:1", "http://h:1", admin_token=token), "/admin/attempts")


@pytest.mark.parametrize("slug", ["not_found", "method_not_allowed"])
def test_path_that_is_not_there_is_another_port_or_version(
    answers: list[httpx.Response | httpx.Request], slug: str
) -> None:
    """With `internal_port` the clients' port has no admin paths, and an older gateway has fewer."""
    answers.append(httpx.Response(404, json={"slug": slug, "message": "There is nothing at this path."}))

    with pytest.raises(CliError, match="internal_port") as raised:
        admin_client.ask(PLACE, "/admin/attempts")

    assert raised.value.code is Exit.UNKNOWN
