"""Where on its way a connection fails: the stages, in order, and the one to which each cause belongs.

The probe walks them, the ledger and the diagnosis group by them, and the probe's exit codes count them from 10.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from holdfast.codes import CODES

Stage = Literal[
    "dns",
    "tcp",
    "tls",
    "upgrade",
    "admission",
    "origin",
    "token",
    "connect",
    "subscribe",
    "message",
    "idle",
    "close",
]
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
FIRST_EXIT_CODE: Final = 10

_BY_SLUG: Final[dict[str, Stage]] = {
    "origin_not_allowed": "origin",
    "draining": "admission",
    "not_ready": "admission",
    "instance_connection_limit": "admission",
    "address_connection_limit": "admission",
    "accept_rate": "admission",
    "breaker_open": "admission",
    "path_not_found": "upgrade",
    "login_failed": "token",
    "not_centrifuge": "connect",
    "message_lost": "message",
    "stream_buffered": "message",
    "proxy_idle_cut": "idle",
    "no_pong": "idle",
    "client_gone": "idle",
    "ack_timeout": "idle",
    "connection_cut": "idle",
    "pings_missing": "idle",
    "closed_by_server": "close",
    "close_unanswered": "close",
    "connection_limit": "connect",
    "user_revoked": "token",
    "channel_limit_close": "connect",
    "connection_expired": "idle",
    "slow_consumer": "message",
    "offline": "tcp",
    "open_failed": "upgrade",
    "open_timeout": "upgrade",
    "server_unreachable": "tcp",
    "captive_portal": "upgrade",
    "mixed_content": "tls",
    "transport_unsupported": "upgrade",
    "signed_out_elsewhere": "token",
    "clock_wrong": "token",
    "page_frozen": "idle",
    "disconnect_called": "close",
}
_BY_PREFIX: Final[tuple[tuple[str, Stage], ...]] = (
    ("dns_", "dns"),
    ("tcp_", "tcp"),
    ("tls_", "tls"),
    ("upgrade_", "upgrade"),
    ("overload_", "admission"),
    ("subscription_", "subscribe"),
    ("subscribe_", "subscribe"),
    ("channel_", "subscribe"),
    ("token_", "token"),
    ("login_", "token"),
    ("session_", "token"),
    ("handshake_", "connect"),
    ("connect_", "connect"),
)


def stage_of(slug: str) -> Stage:
    """Return the stage at which a cause shows; what ends a session that was open belongs to `message` or `close`.

    Raises:
        KeyError: no such cause.
    """
    code = CODES[slug]
    if slug in _BY_SLUG:
        return _BY_SLUG[slug]
    for prefix, stage in _BY_PREFIX:
        if slug.startswith(prefix):
            return stage
    if code.kind == "http":
        return "upgrade"
    return "close" if code.kind == "close" and code.number < 3500 else "message"


def exit_code(stage: Stage) -> int:
    """Return the exit code of a probe that failed at this stage."""
    return FIRST_EXIT_CODE + STAGES.index(stage)
