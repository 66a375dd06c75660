"""The admin paths of the diagnostic services: what an instance says of tokens and of its own resources."""

from __future__ import annotations

from typing import Literal

import msgspec

from holdfast.diagnostics.resources import ResourceDiagnosticService
from holdfast.diagnostics.token import TokenDiagnosticService
from holdfast.diagnostics.token_places import Presented
from holdfast.errors import DoorError
from holdfast.routes.admin import AdminEndpoint, AdminRequest

TOKEN_PATH = "/admin/diagnostics/token"  # noqa: S105 - a path
RESOURCES_PATH = "/admin/diagnostics/resources"

_EXPECTED = (
    "Expected an object with any of token, url, cookies (texts), headers (a list of [name, value]), "
    "is_browser (true or false) and kind (connection or subscription)."
)


class _TokenQuestion(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a POST: what a client has, any part of it. It is never logged."""

    token: str | None = None
    url: str = ""
    headers: list[tuple[str, str]] = []
    cookies: str = ""
    is_browser: bool = False
    kind: Literal["connection", "subscription"] | None = None


def token_endpoint(admin_token: str, service: TokenDiagnosticService) -> AdminEndpoint:
    """GET checks that tokens can be made; POST explains what a client presents."""

    async def check_generation(_: AdminRequest) -> object:
        return (await service.run()).as_json()

    async def explain(request: AdminRequest) -> object:
        asked = _question(request.body)
        headers = tuple((name, value) for name, value in asked.headers)
        given = Presented(asked.token, asked.url, headers, asked.cookies, asked.is_browser)
        return (await service.run(given, asked.kind)).as_json()

    return AdminEndpoint(admin_token, {"GET": check_generation, "POST": explain})


def resources_endpoint(admin_token: str, service: ResourceDiagnosticService) -> AdminEndpoint:
    """GET says what limits this process has and how many more connections fit."""

    async def answer(_: AdminRequest) -> object:
        return (await service.run()).as_json()

    return AdminEndpoint(admin_token, {"GET": answer})


def _question(body: object) -> _TokenQuestion:
    try:
        return msgspec.convert(body, _TokenQuestion)
    except msgspec.ValidationError:
        # The error is not quoted: it may name a field that is the token.
        raise DoorError("query_invalid", _EXPECTED) from None
