"""The diagnostic services of a running instance, and the admin paths that ask them."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.connections.core import Core
from holdfast.diagnostics.token import TokenDiagnosticService
from holdfast.routes.admin import AdminEndpoint
from holdfast.routes.diagnostics import TOKEN_PATH, token_endpoint
from holdfast.settings import Settings


def diagnostics_paths(settings: Settings, core: Core) -> Mapping[str, AdminEndpoint]:
    """Return the endpoints by path."""
    word = settings.admin.token.get_secret_value()
    service = TokenDiagnosticService(settings, core.validator, clock=core.wall_clock)
    return {TOKEN_PATH: token_endpoint(word, service)}
