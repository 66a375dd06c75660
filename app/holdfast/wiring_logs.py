"""Puts together what has to do with logs: the summaries of what is left out, and the door for browsers' lines."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from starlette.types import ASGIApp

from holdfast.connections.core import Core
from holdfast.monitoring.log_secrets import LogSecrets
from holdfast.monitoring.log_tokens import LogTokens
from holdfast.resilience.keyed_buckets import KeyedBuckets
from holdfast.resilience.token_bucket import TokenBucket
from holdfast.routes.client_logs import (
    ClientLogRules,
    ClientLogs,
    UserOfSession,
    Witnesses,
    no_session,
    nothing_to_learn,
)
from holdfast.settings_logs import LogSettings
from holdfast.telemetry.logs import report_left_out
from holdfast.transports.cors_any import AnyOrigin
from holdfast.transports.websocket import Originate

CLIENT_LOGS_PATH: Final = "/client/logs"
REPORT_SECONDS: Final = 10.0
_SECRET_BYTES: Final = 32


async def report_left_out_forever(sleep: Callable[[float], Awaitable[object]]) -> NoReturn:
    """Say every few seconds what was left out of the log because it repeated."""
    while True:
        await sleep(REPORT_SECONDS)
        report_left_out()


def log_secrets(settings: LogSettings, core: Core) -> LogSecrets | None:
    """Return what shares the secrets of log tokens, None where there is nobody to share with or one is configured."""
    if not settings.client_enabled or not core.broker.is_shared or settings.client_token_secret.get_secret_value():
        return None
    own = os.urandom(_SECRET_BYTES)
    return LogSecrets(core.broker.tables, core.instance, own, settings.client_token_ttl, core.clock)


def client_logs(
    settings: LogSettings,
    core: Core,
    originate: Originate,
    user_of_session: UserOfSession = no_session,
    secrets: LogSecrets | None = None,
) -> dict[str, ASGIApp]:
    """Return the door for browsers' lines by its path, and let the core give the tokens that open it.

    `user_of_session` says who is logged in, where there is a login; `secrets` are shared with other instances.
    """
    if not settings.client_enabled:
        return {}
    own = secrets.own if secrets is not None else os.urandom(_SECRET_BYTES)
    secret = settings.client_token_secret.get_secret_value().encode() or own
    tokens = LogTokens(secret, settings.client_token_ttl, core.wall_clock)
    core.issue_log_token = tokens.issue
    learn = nothing_to_learn
    if secrets is not None:
        secrets.tokens, learn = tokens, secrets.learn

    def user_of(client: str) -> str:
        connection = core.manager.connections.get(client)
        return connection.user if connection is not None else ""

    rules = ClientLogRules(
        settings.client_max_body_bytes,
        settings.client_max_lines,
        KeyedBuckets(TokenBucket(settings.client_rate, settings.client_burst), core.clock),
        KeyedBuckets(TokenBucket(settings.client_line_rate, settings.client_line_burst), core.clock),
    )
    endpoint = ClientLogs(tokens, rules, Witnesses(originate, user_of, core.wall_clock, user_of_session, learn))
    return {CLIENT_LOGS_PATH: AnyOrigin(endpoint, "POST")}
