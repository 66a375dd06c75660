"""The diagnostic services of a running instance, and the admin paths that ask them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from holdfast.connections.core import Core
from holdfast.connections.manager import EnhancedWebSocketManager
from holdfast.diagnostics.resources import ResourceDiagnosticService, Subject
from holdfast.diagnostics.token import TokenDiagnosticService
from holdfast.monitoring.socket_options import SocketOption
from holdfast.routes.admin import AdminEndpoint
from holdfast.routes.diagnostics import RESOURCES_PATH, TOKEN_PATH, resources_endpoint, token_endpoint
from holdfast.settings import Settings


def diagnostics_paths(
    settings: Settings,
    core: Core,
    manager: EnhancedWebSocketManager,
    resident_at_start: Callable[[], int | None],
    socket_options: Callable[[], Sequence[SocketOption]],
) -> Mapping[str, AdminEndpoint]:
    """Return the endpoints by path; `resident_at_start` is the process's memory before it had connections."""
    word = settings.admin.token.get_secret_value()
    subject = Subject(os.getpid(), True, lambda: manager.count, resident_at_start, socket_options)
    return {
        TOKEN_PATH: token_endpoint(word, TokenDiagnosticService(settings, core.validator, clock=core.wall_clock)),
        RESOURCES_PATH: resources_endpoint(word, ResourceDiagnosticService(settings, subject)),
    }
