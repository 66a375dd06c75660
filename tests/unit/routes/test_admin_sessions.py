from __future__ import annotations

from typing import Any

import pytest

from holdfast.auth.refresh_tokens import Session, begin
from holdfast.errors import DoorError
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_sessions import AdminSessions


async def sessions_of(user: str) -> dict[str, Session]:
    """Return two sessions of anybody."""
    return {"old": begin(b"x" * 48, 1, 100.0), "new": begin(b"y" * 48, 1, 200.0)}


async def end_all(user: str, reason: str) -> tuple[int, int]:
    """End two sessions and three connections."""
    assert (user, reason) in {("alice", ""), ("alice", "left")}
    return 2, 3


ANSWERS = AdminSessions(sessions_of, end_all)


async def test_list_has_the_last_one_first() -> None:
    """With no secret of them."""
    answer = await ANSWERS.list(AdminRequest({}, {"user": "alice"}))

    assert answer == {
        "sessions": [
            {"session": "new", "since": 200.0, "refreshed_at": 200.0},
            {"session": "old", "since": 100.0, "refreshed_at": 100.0},
        ]
    }


@pytest.mark.parametrize("body", [{"user": "alice"}, {"user": "alice", "reason": "left"}])
async def test_end_says_how_many(body: dict[str, str]) -> None:
    """Sessions, and connections."""
    assert await ANSWERS.end(AdminRequest({}, {}, body)) == {"sessions": 2, "disconnected": 3}


@pytest.mark.parametrize("body", [None, [], {}, {"user": ""}, {"user": 1}, {"user": "alice", "all": True}])
async def test_end_of_nobody_is_refused(body: Any) -> None:
    """What was expected is told."""
    with pytest.raises(DoorError, match="query_invalid"):
        await ANSWERS.end(AdminRequest({}, {}, body))


@pytest.mark.parametrize("query", [{}, {"user": ""}, {"users": "alice"}])
async def test_list_of_nobody_is_refused(query: dict[str, str]) -> None:
    """As well."""
    with pytest.raises(DoorError, match="query_invalid"):
        await ANSWERS.list(AdminRequest({}, query))
