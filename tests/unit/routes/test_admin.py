from __future__ import annotations

from typing import Any

import pytest

from holdfast.errors import DoorError
from holdfast.routes.admin import AdminEndpoint, AdminRequest
from tests.asgi import call

BEARER = [("Authorization", "Bearer word")]


class Asked:
    """An answer that remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[AdminRequest] = []
        self.error: DoorError | None = None

    async def __call__(self, request: AdminRequest) -> object:
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        return {"count": 1}


@pytest.fixture
def asked() -> Asked:
    """Nothing was asked yet."""
    return Asked()


def endpoint(asked: Asked, token: str = "word") -> AdminEndpoint:
    """Return one path of GET and POST."""
    return AdminEndpoint(token, {"GET": asked, "POST": asked})


async def test_answer_is_json(asked: Asked) -> None:
    """The query and the path are handed on."""
    scope: dict[str, Any] = {"query_string": b"user=anna&slug=", "path_params": {"id": "7"}}

    answer = await call(endpoint(asked), headers=BEARER, **scope)

    assert (answer.status, answer.json()) == (200, {"count": 1})
    assert answer.headers["cache-control"] == "no-store"
    assert asked.requests == [AdminRequest({"id": "7"}, {"user": "anna", "slug": ""})]


async def test_body_is_json(asked: Asked) -> None:
    """Orders bring one."""
    await call(endpoint(asked), "POST", headers=BEARER, body=b'{"user":"anna"}')

    assert asked.requests[0].body == {"user": "anna"}


@pytest.mark.parametrize(
    ("headers", "token", "status", "slug"),
    [
        ([], "word", 401, "admin_token_missing"),
        ([("Authorization", "Bearer ")], "word", 401, "admin_token_missing"),
        ([("Authorization", "Basic word")], "word", 401, "admin_token_missing"),
        (BEARER, "", 401, "admin_token_missing"),
        ([("Authorization", "Bearer wrong")], "word", 403, "admin_token_invalid"),
    ],
)
async def test_without_the_token_nothing_is_answered(
    asked: Asked, headers: list[tuple[str, str]], token: str, status: int, slug: str
) -> None:
    """Without a configured token nobody has the right one."""
    answer = await call(endpoint(asked, token), headers=headers)

    assert (answer.status, answer.json()["slug"]) == (status, slug)
    assert asked.requests == []
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


async def test_bad_requests_are_refused(asked: Asked) -> None:
    """Another method, a body that is no JSON or too long, and what the answer itself refuses."""
    admin = endpoint(asked)

    assert (await call(admin, "DELETE", headers=BEARER)).json()["slug"] == "method_not_allowed"
    assert (await call(admin, "POST", headers=BEARER, body=b"{")).json()["slug"] == "query_invalid"
    assert (await call(admin, "POST", headers=BEARER, body=b"x" * 70000)).json()["slug"] == "body_too_large"
    asked.error = DoorError("query_invalid", "Expected `limit` as a number.")
    assert (await call(admin, headers=BEARER)).status == 400


async def test_client_that_leaves_is_not_answered(asked: Asked) -> None:
    """Nobody is there."""
    answer = await call(endpoint(asked), "POST", headers=BEARER, body=None)

    assert answer.status == 0
