"""Which endpoint is made of which parts; `app` says under which path each is served."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Scope

from holdfast.admission.addresses import TrustedProxies
from holdfast.admission.readiness import Readiness
from holdfast.admission.round_trip import BrokerRoundTrip
from holdfast.app import EMULATION_PATH, HTTP_STREAM_PATH, SSE_PATH, Endpoints
from holdfast.connections.core import Core
from holdfast.connections.manager import EnhancedWebSocketManager
from holdfast.errors import GatewayError
from holdfast.monitoring.ledger import Ledger
from holdfast.monitoring.lookup import Lookup
from holdfast.protocol.compression import Compression
from holdfast.routes.api import ApiEndpoint, ApiRules
from holdfast.routes.api_commands import TURN, ApiCommands, Services
from holdfast.routes.api_connections import ApiConnections
from holdfast.routes.api_control import ApiControl
from holdfast.routes.api_keys import ApiKeys
from holdfast.routes.api_methods import ApiParts, api_methods
from holdfast.routes.api_order import ManyRules
from holdfast.routes.errors import NotFound, UpgradeRequired
from holdfast.routes.files import FOR_ALL_ORIGINS, WEB, PackageFiles
from holdfast.routes.health import Livez, Readyz, Startupz
from holdfast.routes.metrics import MetricsEndpoint, read_compression_of, read_polls_of
from holdfast.routes.observers import observe_api_call, observe_emulation, observe_failed_command
from holdfast.settings import Settings, WebSocketSettings
from holdfast.transports.cors import CrossOrigin
from holdfast.transports.emulation import EMULATION_METHODS, EmulationEndpoint, EmulationRules
from holdfast.transports.poll import POLL_METHODS, PollDoor, PollEndpoint, has_identity
from holdfast.transports.poll_elsewhere import PollsElsewhere
from holdfast.transports.poll_session import PollSessions
from holdfast.transports.streaming import HTTP_STREAM, SSE, StreamEndpoint, StreamKind, StreamRules
from holdfast.transports.websocket import Originate, WebSocketEndpoint, address_of, read_handshake
from holdfast.wiring_admission import STATISTICS_PATH, Admission, statistics_of
from holdfast.wiring_cluster import Cluster
from holdfast.wiring_dev import DevMode, DevParts, with_demo
from holdfast.wiring_diagnostics import diagnostics_paths
from holdfast.wiring_drain import Departures
from holdfast.wiring_ledger import admin_endpoints, explain_endpoints
from holdfast.wiring_login import Login, login_admin_paths, login_paths, user_of_session
from holdfast.wiring_logs import client_logs
from holdfast.wiring_monitor import Monitoring
from holdfast.wiring_paths import diagnosis_paths

CHECK_TIMEOUT_SECONDS = 2.0
"""Longer than what checks allow themselves, for they know better what is wrong."""
CHECK_MAX_AGE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Doors:
    """What the endpoints open to: `probe` is asked for readiness, `cluster` are all instances."""

    settings: Settings
    core: Core
    manager: EnhancedWebSocketManager
    probe: BrokerRoundTrip
    cluster: Cluster
    ledger: Ledger
    admission: Admission
    monitoring: Monitoring
    departures: Departures
    login: Login | None = None
    dev: DevMode | None = None
    resident_at_start: Callable[[], int | None] = lambda: None
    """Memory of the process before it had connections."""


def make_endpoints(doors: Doors) -> Endpoints:
    """Return everything that answers.

    Raises:
        ConfigError: patterns or networks in the settings that cannot be used.
    """
    settings, core, cluster = doors.settings, doors.core, doors.cluster
    lookup = Lookup(core, doors.ledger)
    originate = TrustedProxies(settings.http.trusted_proxies).originate
    not_found = NotFound(originate)
    session_user = user_of_session(settings, doors.login, originate)
    readiness = _readiness(doors)
    endpoints = Endpoints(
        websocket=WebSocketEndpoint(
            doors.manager.open, doors.admission.check, settings.websocket, originate, _compression(settings.websocket)
        ),
        streams=_streams(doors, originate),
        poll=_poll(doors, originate) if settings.poll.enabled else not_found,
        api=_api(doors),
        livez=Livez(),
        readyz=Readyz(readiness),
        startupz=Startupz(core.lifecycle),
        metrics=MetricsEndpoint(),
        public={
            # First, for it makes what gives log tokens.
            **client_logs(settings.log, core, originate, session_user, cluster.log_secrets),
            **login_paths(settings, doors.login, originate),
            **explain_endpoints(settings, lookup, cluster, core.issue_log_token),
        },
        files=_files(settings, not_found),
        admin=_admin(doors, lookup),
        not_found=not_found,
        upgrade_required=UpgradeRequired(originate),
    )
    if doors.dev is None or doors.login is None:
        return endpoints
    return with_demo(endpoints, DevParts(doors.dev, settings, core, doors.login, originate))


def _readiness(doors: Doors) -> Readiness:
    core, checks, patience = doors.core, {"broker": doors.probe.check}, {}
    if core.broker.is_shared:
        # Who hears the others no more still serves newcomers; a cause that all have would leave these nowhere to go.
        checks["messages"] = doors.probe.check_messages
        patience = {"broker": doors.settings.broker.unready_after, "messages": math.inf}
    return Readiness(
        core.lifecycle,
        checks,
        timeout=CHECK_TIMEOUT_SECONDS,
        max_age=CHECK_MAX_AGE_SECONDS,
        clock=core.clock,
        patience=patience,
    )


def _files(settings: Settings, not_found: ASGIApp) -> dict[str, ASGIApp]:
    return {"/client": PackageFiles(WEB / "client", not_found, FOR_ALL_ORIGINS)} if settings.web.client else {}


def _admin(doors: Doors, lookup: Lookup) -> dict[str, ASGIApp]:
    settings, core = doors.settings, doors.core
    token = settings.admin.token.get_secret_value()
    statistics = statistics_of(doors.admission, core, token)
    return {
        STATISTICS_PATH: statistics,
        **admin_endpoints(settings, lookup, doors.cluster),
        **doors.cluster.endpoints(),
        **doors.monitoring.endpoints(settings.admin),
        **diagnostics_paths(settings, core, doors.manager, doors.resident_at_start, doors.monitoring.socket_options),
        **diagnosis_paths(settings, core, doors.ledger),
        **login_admin_paths(settings, doors.login),
        **doors.departures.endpoints(settings),
    }


def _compression(settings: WebSocketSettings) -> Compression | None:
    compression = Compression(settings.compression_min_size, settings.compression_level)
    read_compression_of(compression)
    return compression if settings.compression else None


def _poll(doors: Doors, originate: Originate) -> ASGIApp:
    settings, core, admission = doors.settings, doors.core, doors.admission
    sessions = PollSessions(settings, core.loop)
    read_polls_of(sessions)
    core.unfetched_goodbyes = sessions.unfetched
    backend = core.backend

    def identifies(header: bytes) -> bool:
        return has_identity(header) or (backend is not None and backend.is_shown(header))

    door = PollDoor(core.instance, settings.poll, core.loop, doors.manager.open, admission.check, originate, identifies)
    refused = _refused_page("poll", admission, originate)
    elsewhere = None
    if (forwarder := doors.cluster.forwarder) is not None:
        patience = settings.poll.timeout + settings.broker.survey_timeout
        elsewhere = PollsElsewhere(forwarder, core.loop, core.spawn, patience)
    return CrossOrigin(PollEndpoint(door, sessions, elsewhere), admission.origins, POLL_METHODS, refused)


def _streams(doors: Doors, originate: Originate) -> dict[str, ASGIApp]:
    settings, manager, admission = doors.settings, doors.manager, doors.admission
    check = admission.check

    def endpoint(kind: StreamKind, max_body_bytes: int) -> ASGIApp:
        rules = StreamRules(
            check.refusal, check.admit, admission.observe, settings.websocket, max_body_bytes, originate
        )
        opened = StreamEndpoint(kind, manager.open, rules)
        return CrossOrigin(opened, admission.origins, kind.methods, _refused_page(kind.name, admission, originate))

    found: dict[str, ASGIApp] = {}
    if settings.http_stream.enabled:
        found[HTTP_STREAM_PATH] = endpoint(HTTP_STREAM, settings.http_stream.max_request_body_size)
    if settings.sse.enabled:
        found[SSE_PATH] = endpoint(SSE, settings.sse.max_request_body_size)
    if found:
        found[EMULATION_PATH] = _emulation(doors, originate)
    return found


def _refused_page(transport: str, admission: Admission, originate: Originate) -> Callable[[Scope, GatewayError], None]:
    """Return what counts the page of a foreign origin as a refused handshake of this transport."""

    def refused(scope: Scope, error: GatewayError) -> None:
        handshake = read_handshake(scope, originate)
        handshake.transport = transport
        admission.observe(handshake, error)

    return refused


def _emulation(doors: Doors, originate: Originate) -> ASGIApp:
    def observe(scope: Scope, refusal: GatewayError | None) -> None:
        observe_emulation(address_of(scope, originate), refusal)

    rules = EmulationRules(doors.core.instance, doors.settings.emulation.max_request_body_size, observe)
    endpoint = EmulationEndpoint(doors.manager, rules, doors.cluster.forwarder)
    return CrossOrigin(endpoint, doors.admission.origins, EMULATION_METHODS, observe)


def _api(doors: Doors) -> ApiEndpoint:
    core, api = doors.core, doors.settings.api
    cluster = doors.cluster
    services = Services(
        core.rules,
        core.publisher,
        core.publish_queue,
        core.broker,
        cluster.list_for_api,
        cluster.channels.count,
        core.backend,
    )
    connections = ApiConnections(cluster.control, core.hub, cluster.bus)
    parts = ApiParts(ApiCommands(services), ApiControl(cluster.everywhere), connections)
    methods = api_methods(parts, ManyRules(api.max_commands, api.max_parallel, TURN, observe_failed_command))
    keys = ApiKeys(key.get_secret_value() for key in api.keys)
    originate = TrustedProxies(doors.settings.http.trusted_proxies).originate
    rules = ApiRules(keys, api.max_body_bytes, api.error_mode == "transport", originate)
    return ApiEndpoint(methods, rules, core.lifecycle, observe_api_call)
