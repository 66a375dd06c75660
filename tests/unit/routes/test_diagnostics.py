"""Tests of holdfast.routes.diagnostics."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import structlog

from holdfast.diagnostics.findings import Diagnosis
from holdfast.routes.diagnostics import resources_endpoint, token_endpoint
from tests.asgi import Answer, call
from tests.unit.diagnostics.made_tokens import NOW, make, service

BEARER = [("Authorization", "Bearer word")]


async def ask(body: Any = None) -> Answer:
    """Ask the token path; None is a GET."""
    endpoint = token_endpoint("word", service())
    if body is None:
        return await call(endpoint, headers=BEARER)
    return await call(endpoint, "POST", headers=BEARER, body=msgspec.json.encode(body))


async def test_get_checks_generation() -> None:
    """Whether tokens can be made and checked here."""
    answer = await ask()

    assert answer.status == 200
    assert {one["check"] for one in answer.json()["findings"]} == {"generation"}


async def test_post_explains_a_token() -> None:
    """The verdict, and neither answer nor log has the token."""
    token = make(exp=NOW - 5)
    with structlog.testing.capture_logs() as lines:
        answer = await ask({"token": token})

    assert answer.json()["facts"]["answer"]["slug"] == "token_expired"
    assert token.split(".")[1] not in answer.body.decode() + repr(lines)


async def test_post_takes_all_places() -> None:
    """URL, headers and cookies as well."""
    answer = await ask({"url": f"wss://h/?jwt={make()}", "headers": [["X-Token", "x"]], "cookies": "jwt=y"})
    checks = {one["check"] for one in answer.json()["findings"]}

    assert {"place_other_query", "place_other_header", "place_other_cookie", "token_missing"} <= checks
    assert (await ask({"token": make(), "kind": "subscription"})).json()["exit_code"] == 2


@pytest.mark.parametrize("body", [7, [], {"tokens": "x"}, {"token": 7}, {"headers": [["a"]]}, {"kind": "other"}])
async def test_post_refuses_other_bodies(body: Any) -> None:
    """What was expected is said, nothing that came is repeated."""
    answer = await ask(body)

    assert (answer.status, answer.json()["slug"]) == (400, "query_invalid")
    assert "headers (a list" in answer.json()["message"]


@pytest.mark.parametrize("token", ["\ud800", "\0", "\x1b[2J", "eyJhbGciOiJcdWQ4MDAifQ.e30.AA"])
async def test_post_bears_any_text(token: str) -> None:
    """Half a surrogate pair, in the token or inside its header, still gets an answer."""
    endpoint = token_endpoint("word", service())
    body = msgspec.json.encode({"token": "X"}).replace(b"X", token.encode("unicode_escape").replace(b"\\x", b"\\u00"))

    assert (await call(endpoint, "POST", headers=BEARER, body=body)).status in {200, 400}


async def test_resources_are_answered() -> None:
    """What the service found, behind the admin token."""

    class Service:
        async def run(self) -> Diagnosis:
            return Diagnosis("resources", (), {"connections": 3})

    endpoint = resources_endpoint("word", Service())  # type: ignore[arg-type]  # has what is used

    assert (await call(endpoint, headers=BEARER)).json()["facts"] == {"connections": 3}
    assert (await call(endpoint)).status == 401
