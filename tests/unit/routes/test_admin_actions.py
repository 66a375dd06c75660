from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from holdfast.errors import DoorError
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_actions import note_action

ACTION = {"action": "drain_instance", "who": "ann@host", "why": "new kernel", "what": "drain gateway-1"}


async def test_action_is_a_log_line() -> None:
    """Who did what and why, without a token that somebody wrote into the reason."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlLW9mLXRoaXMtdG9rZW4"
    with capture_logs() as lines:
        assert await note_action(AdminRequest({}, {}, {**ACTION, "why": f"new {token}"})) == {"noted": True}

    assert (lines[0]["event"], lines[0]["who"], lines[0]["what"]) == ("operator_action", "ann@host", "drain gateway-1")
    assert token not in lines[0]["why"]


@pytest.mark.parametrize("body", [None, {}, {**ACTION, "who": 7}, {**ACTION, "why": "x" * 501}, {**ACTION, "when": ""}])
async def test_bad_action_is_refused(body: Any) -> None:
    """All four texts, none longer than a line should have, nothing else."""
    with pytest.raises(DoorError, match="query_invalid"):
        await note_action(AdminRequest({}, {}, body))
