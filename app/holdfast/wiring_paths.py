"""How the diagnosis of connections is put together, and under which paths operators ask for it and for token keys."""

from __future__ import annotations

from typing import Final

from holdfast.app import HTTP_STREAM_PATH, POLL_PATH, SSE_PATH, WEBSOCKET_PATH
from holdfast.connections.core import Core
from holdfast.connections.records import EndedConnection, RefusedAttempt
from holdfast.diagnostics.connections import ConnectionDiagnosticService, Records
from holdfast.diagnostics.terms import Paths, Terms, terms_of
from holdfast.monitoring.ledger import Ledger, Query
from holdfast.routes.admin import AdminEndpoint, AdminRequest
from holdfast.settings import Settings

CONNECTIONS_PATH: Final = "/admin/diagnostics/connections"
KEYS_PATH: Final = "/admin/keys"


def gateway_terms(settings: Settings) -> Terms:
    """Return what an instance with these settings expects of the way to it."""
    streams = {HTTP_STREAM_PATH: settings.http_stream.enabled, SSE_PATH: settings.sse.enabled}
    return terms_of(
        settings,
        Paths(
            websocket=WEBSOCKET_PATH,
            streams=tuple(path for path, is_on in streams.items() if is_on),
            poll=POLL_PATH if settings.poll.enabled else "",
        ),
    )


def records_of(ledger: Ledger) -> Records:
    """Return all that a ledger remembers."""

    async def refused() -> list[RefusedAttempt]:
        return await ledger.attempts(Query(), ledger.sizes()["attempts"])

    async def ended() -> list[EndedConnection]:
        return await ledger.connections(Query(), ledger.sizes()["closes"])

    return Records(refused, ended)


def diagnosis_paths(settings: Settings, core: Core, ledger: Ledger) -> dict[str, AdminEndpoint]:
    """Return the admin paths of the diagnosis of connections."""
    service = ConnectionDiagnosticService(core, gateway_terms(settings), records_of(ledger), settings.tls.cert_file)

    async def answer(request: AdminRequest) -> object:
        return (await service.run()).as_json()

    async def keys(request: AdminRequest) -> object:
        return {"instance": core.instance, "keys": core.validator.keys()}

    token = settings.admin.token.get_secret_value()
    return {
        CONNECTIONS_PATH: AdminEndpoint(token, {"GET": answer}),
        KEYS_PATH: AdminEndpoint(token, {"GET": keys}),
    }
