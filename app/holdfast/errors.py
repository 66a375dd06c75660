"""Every error the gateway raises on purpose.

    GatewayError
    ├── ConfigError      settings, at start only
    ├── TokenError       connection and subscription tokens
    ├── ProtocolError    frames and commands that no client should send
    ├── ChannelError     permissions, limits and state of channels
    ├── CapacityError    limits of rate, queue and number
    ├── DoorError        HTTP: origin, API key, path, body
    ├── LoginError       logins and sessions
    ├── PathError        what lies between a client and the gateway, as a probe finds it
    ├── BrokerError      the broker did not do it
    ├── ProxyError       the user's backend did not answer as it should
    ├── ApplicationError what the user's backend answered instead of a result
    └── LifecycleError   ends of a connection: shutdown, expiry, no pong, by force

An error names one cause (`slug`); number, HTTP status and client action come from `codes`.
"""

from __future__ import annotations

from typing import ClassVar

from holdfast.codes import CODES, Code


class GatewayError(Exception):
    """One cause with its slug.

    Args:
        slug: a row of `codes.CODES` that belongs to this class.
        detail: what was expected, what came and what to do; never a secret or a token.
        context: further facts for the log line.

    Raises:
        ValueError: the slug does not belong to this class.
    """

    slugs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, slug: str, detail: str = "", **context: object) -> None:
        if self.slugs and slug not in self.slugs:
            raise ValueError(f"{type(self).__name__} knows no cause {slug!r}")
        super().__init__(slug, detail)
        self.slug = slug
        self.detail = detail
        self.context = context

    @property
    def code(self) -> Code:
        """The row of the code table."""
        return CODES[self.slug]

    @property
    def number(self) -> int:
        """The number that the client is given."""
        return self.code.number

    @property
    def message(self) -> str:
        """The message or reason that the client is given."""
        return self.slug

    @property
    def is_temporary(self) -> bool:
        """Whether an error reply says that the same may succeed later."""
        return self.code.temporary

    def __str__(self) -> str:
        return f"{self.slug}: {self.detail}" if self.detail else self.slug


class ConfigError(Exception):
    """Settings that cannot be used; `faults` has one sentence each, secrets left out."""

    heading = "These settings cannot be used"

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def _starting(*prefixes: str) -> frozenset[str]:
    # What a probe finds is PathError's, whatever it is called; what only the browser client knows is never raised here.
    foreign = {"path", "client"}
    return frozenset(slug for slug, code in CODES.items() if slug.startswith(prefixes) and code.kind not in foreign)


class TokenError(GatewayError):
    """A connection or subscription token that does not open the door."""

    slugs = _starting("token_", "user_revoked", "subscription_token_", "subscription_user_") - {
        "subscription_token_lapsed"
    }


class ProtocolError(GatewayError):
    """Frames or commands that break RFC 6455 or the Centrifuge protocol."""

    slugs = _starting("frame_", "malformed_", "command_id_") | {
        "empty_frame",
        "delta_unknown",
        "unexpected_input",
        "unknown_command",
        "ambiguous_command",
        "not_connected",
        "already_connected",
        "binary_frame",
        "text_frame",
        "bad_request",
        "invalid_utf8",
        "message_too_big",
        "method_not_found",
        "connection_token_not_refreshable",
        "inappropriate_protocol",
        "too_many_errors",
    }


class ChannelError(GatewayError):
    """What a channel's options, limits or state do not allow."""

    slugs = frozenset(
        {
            "unknown_channel",
            "permission_denied",
            "permission_denied_close",
            "already_subscribed",
            "not_subscribed",
            "channel_limit",
            "channel_limit_close",
            "channel_name_invalid",
            "channel_name_mismatch",
            "channel_name_too_long",
            "tags_filter_invalid",
            "tags_filter_not_allowed",
            "not_available",
            "binary_channel",
            "data_not_json",
            "data_not_object",
            "not_available_close",
            "unrecoverable_position",
            "unauthorized",
            "conflict",
        }
    )


class CapacityError(GatewayError):
    """Rates, queues and numbers that are used up."""

    slugs = frozenset(
        {
            "slow_consumer",
            "inbox_overflow",
            "command_rate_limit",
            "too_many_requests",
            "connection_limit",
            "publish_queue_full",
        }
    )


class LoginError(GatewayError):
    """Logins and sessions of the gateway's own login that are refused."""

    slugs = _starting("login_", "session_") | {"csrf_refused", "users_unavailable"}


class DoorError(GatewayError):
    """HTTP requests that are refused before anything is done for them."""

    slugs = frozenset(slug for slug, code in CODES.items() if code.kind == "http") - LoginError.slugs


class PathError(GatewayError):
    """What a probe found between itself and the gateway; no gateway says so of itself."""

    slugs = frozenset(slug for slug, code in CODES.items() if code.kind == "path")


class BrokerError(GatewayError):
    """The broker did not do what it was asked, for now.

    `is_undone` says that it certainly did nothing; without it, only the answer may be lost.
    """

    slugs = frozenset({"internal_error", "durability_not_met", "peer_unreachable"}) | _starting("broker_")

    def __init__(self, slug: str, detail: str = "", *, is_undone: bool = False, **context: object) -> None:
        super().__init__(slug, detail, **context)
        self.is_undone = is_undone


class ProxyError(GatewayError):
    """The user's backend gave no usable answer; the client may try again."""

    slugs = _starting("proxy_")


class ApplicationError(GatewayError):
    """An error (`application_error`) or an end (`application`) by the user's backend, with its own number and text."""

    slugs = frozenset({"application_error", "application"})

    def __init__(self, slug: str, number: int, message: str, *, temporary: bool = False, **context: object) -> None:
        super().__init__(slug, "", number=number, **context)
        self._given = number, message, temporary

    @property
    def number(self) -> int:
        """The backend's number."""
        return self._given[0]

    @property
    def message(self) -> str:
        """The backend's message or reason."""
        return self._given[1]

    @property
    def is_temporary(self) -> bool:
        """Whether the backend says that the same may succeed later."""
        return self._given[2]


class LifecycleError(GatewayError):
    """How a connection's life ends without anybody having erred."""

    slugs = frozenset(
        {
            "connection_closed",
            "shutdown",
            "rebalanced",
            "sent_away",
            "connection_too_old",
            "shutting_down",
            "server_error",
            "connection_expired",
            "subscription_expired",
            "write_error",
            "insufficient_state",
            "force_reconnect",
            "no_pong",
            "state_invalidated",
            "force_disconnect",
            "handshake_timeout",
            "poll_idle",
            "client_gone",
            "ack_timeout",
            "client_closed",
        }
    ) | frozenset(slug for slug, code in CODES.items() if code.kind == "unsubscribe")


AREAS: tuple[type[GatewayError], ...] = (
    TokenError,
    ProtocolError,
    ChannelError,
    CapacityError,
    LoginError,
    DoorError,
    PathError,
    BrokerError,
    ProxyError,
    ApplicationError,
    LifecycleError,
)


def error_of(slug: str, detail: str = "") -> GatewayError:
    """Return the error that another instance raised; a cause unknown here is an `internal_error` with its name."""
    for area in AREAS:
        if slug in area.slugs and area is not ApplicationError:
            return area(slug, detail)
    return BrokerError("internal_error", f"{slug[:64]}: {detail}")
