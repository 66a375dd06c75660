"""`/admin/actions`: what an operator's script does is said in the log of the gateway that it does it to."""

from __future__ import annotations

from typing import Any, Final

from holdfast.errors import DoorError
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_drain import body_of
from holdfast.telemetry.logs import get_logger
from holdfast.telemetry.redaction import redact_text

_FIELDS: Final = ("action", "who", "why", "what")
_LONGEST: Final = 500

_log = get_logger(__name__)


async def note_action(request: AdminRequest) -> dict[str, Any]:
    """Write the line.

    Raises:
        DoorError: `query_invalid`.
    """
    body = body_of(request, _FIELDS)
    for name in _FIELDS:
        if not isinstance(body.get(name), str) or len(body[name]) > _LONGEST:
            raise DoorError("query_invalid", f"`{name}`: expected a text of at most {_LONGEST} characters.")
    _log.info("operator_action", **{name: redact_text(body[name]) for name in _FIELDS})
    return {"noted": True}
