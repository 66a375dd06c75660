"""The one table of causes: every refusal, error and close that the gateway can give has one row here.

A slug says why, the number says what the client does (Centrifugo's numbers where it has one; ours are closes
4100-4199 and 4600-4699 and errors 1900-1999). Pages, metric labels and other tables are generated from this one
or compared with it by a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["close", "error", "unsubscribe", "http", "path", "client"]
Action = Literal["retry", "fetch_token", "stop", "login"]
Severity = Literal["info", "warning", "critical"]

# Numbers of the browser client's own causes; no answer carries them.
CLIENT_RANGE = (1, 99)
# The numbers a user's backend or an API caller may not send, because they already mean something of ours.
RESERVED_RANGES = ((4100, 4199), (4600, 4699), (1900, 1999))


@dataclass(frozen=True, slots=True)
class Code:
    """One cause.

    `kind` says where the number appears: in a close frame, in an error reply, in an unsubscribe push, only in the
    JSON body of an HTTP answer, or in no answer of ours at all: what a probe found between client and gateway
    (`path`), and what only the browser client knows (`client`, numbers 1-99).
    `http_status` is what the same cause answers over HTTP.
    """

    slug: str
    number: int
    kind: Kind
    action: Action
    http_status: int
    meaning: str
    remedy: str
    severity: Severity = "info"
    runbook: str = ""

    @property
    def temporary(self) -> bool:
        """Whether an error reply with this code carries Centrifugo's `temporary: true`."""
        return self.kind == "error" and self.action == "retry"


# One row a cause reads as a table; the formatter would spread it over a thousand lines.
# ruff: noqa: E501 - rows of a table
# fmt: off
# Names of files in runbooks/.
_TOKENS = "connection-tokens"
_KEYS = "unknown-key"
_CAPACITY = "capacity"
_FAULT = "gateway-fault"
_READERS = "slow-readers"
_CUT = "connection-cut"
_RESTART = "restart"
_CLIENT = "client-protocol"
_API = "server-api"
_CHANNELS = "channels"
_PROXY = "proxies"
_BREAKER = "breaker-open"
_REDIS = "redis-lost"
_REBALANCE = "rebalance"
_LOST = "instance-lost"
_STORM = "reconnect-storm"
_LIMIT = "connection-limit"
_ACCEPT_RATE = "accept-rate"
_PATH = "network-path"
_ADMIN = "admin"
_LOGIN = "login"


def _close(slug: str, number: int, action: Action, meaning: str, remedy: str, runbook: str, status: int = 400) -> Code:
    severity: Severity = "info" if action == "retry" else "warning"
    return Code(slug, number, "close", action, status, meaning, remedy, severity, runbook)


def _error(slug: str, number: int, action: Action, meaning: str, remedy: str, runbook: str, status: int = 400) -> Code:
    return Code(slug, number, "error", action, status, meaning, remedy, "info", runbook)


def _path(slug: str, number: int, meaning: str, remedy: str, runbook: str = _PATH) -> Code:
    return Code(slug, number, "path", "retry", 502, meaning, remedy, "warning", runbook)


def _session(slug: str, number: int, meaning: str, remedy: str) -> Code:
    return Code(slug, number, "http", "login", 401, meaning, remedy, "info", _LOGIN)


def _client(slug: str, number: int, action: Action, meaning: str, remedy: str, runbook: str) -> Code:
    return Code(slug, number, "client", action, 502, meaning, remedy, "info", runbook)


def _http(slug: str, number: int, status: int, meaning: str, remedy: str, runbook: str = _API) -> Code:
    action: Action = "retry" if status in {408, 429, 503} else "stop"
    return Code(slug, number, "http", action, status, meaning, remedy, "warning", runbook)


_NEW_TOKEN = "Issue a fresh token; SDKs ask getToken for one."  # noqa: S105 - advice, not a secret
_NEW_TOKEN_OR_CLOCKS = f"{_NEW_TOKEN} If that has expired too, compare the clocks of issuer and gateway."
_FIX_ISSUER = "Compare it with the gateway's settings: `holdfast token check TOKEN`."

_CONNECTION_TOKEN = (
    _close("token_missing", 3501, "stop", "There is no token, and anonymous clients are not allowed.",
           "Send one; in the connect command, `Authorization: Bearer`, `?token=` or the configured cookie.", _TOKENS, 401),
    _close("token_empty", 3501, "stop", 'The token is empty: "", `null`, `undefined` or blanks.',
           "Wait for the login's answer, then connect.", _TOKENS, 401),
    _close("token_malformed", 3500, "stop", "The token is not a JWT: three parts of base64url, the first two JSON objects.",
           "Send it exactly as issued, without quotes, prefix or line breaks.", _TOKENS, 401),
    _close("token_not_base64", 3500, "stop", "A part of the token is not base64url.",
           "Look for a proxy or an encoding that changed it on its way.", _TOKENS, 401),
    _close("token_claims", 3500, "stop", "A claim of the token has a wrong type or value.", _FIX_ISSUER, _TOKENS, 401),
    _close("token_wrong_signature", 3500, "stop", "The token's signature does not match the key.",
           "Compare the issuer's secret with the gateway's.", _TOKENS, 401),
    _close("token_algorithm", 3500, "stop", "The token's algorithm is not the one its key is pinned to (`none` never is).",
           "Sign with the algorithm of the configured key.", _TOKENS, 401),
    _close("token_audience", 3500, "stop", "The token is meant for another audience.", _FIX_ISSUER, _TOKENS, 401),
    _close("token_issuer", 3500, "stop", "The token comes from another issuer.", _FIX_ISSUER, _TOKENS, 401),
    _close("token_wrong_user", 3500, "stop", "A refresh brought the token of another user.",
           "Refresh with a token of the same user, or reconnect.", _TOKENS, 401),
    _close("token_anonymous", 3507, "stop", "The token names no user and `client.disallow_anonymous_connection_tokens` is on.",
           "Put the user into the token's `sub`.", _TOKENS, 403),
    _close("user_revoked", 3500, "stop", "All tokens of this user were revoked.",
           "The user logs in again; the revocation list says why.", _TOKENS, 401),
    _error("token_expired", 109, "fetch_token", "The token has expired (`exp`).",
           _NEW_TOKEN_OR_CLOCKS, _TOKENS, 401),
    _error("token_not_yet_valid", 109, "fetch_token", "The token is not valid yet (`nbf`, `iat`).",
           "Compare the clocks of issuer and gateway.", _TOKENS, 401),
    _error("token_unknown_key", 109, "fetch_token", "No key has the token's key id.",
           "Issue a fresh token; if that does not help, compare its `kid` with the configured keys.", _KEYS, 401),
    _error("token_revoked", 109, "fetch_token", "This token (`jti`) was revoked.", _NEW_TOKEN, _TOKENS, 401),
)

_SUBSCRIPTION_TOKEN = (
    _error("subscription_token_missing", 103, "stop", "This channel needs a subscription token.",
           "Give the subscription a token or a getToken function.", _TOKENS, 403),
    _error("subscription_token_empty", 103, "stop", 'The subscription token is empty: "", `null`, `undefined` or blanks.',
           "Wait for the backend's answer, then subscribe.", _TOKENS, 403),
    _error("subscription_token_malformed", 103, "stop", "The subscription token is not a JWT: three parts of base64url, the first two JSON objects.",
           "Send it exactly as issued, without quotes, prefix or line breaks.", _TOKENS, 403),
    _error("subscription_token_not_base64", 103, "stop", "A part of the subscription token is not base64url.",
           "Look for a proxy or an encoding that changed it on its way.", _TOKENS, 403),
    _error("subscription_token_claims", 103, "stop", "A claim of the subscription token has a wrong type or value.", _FIX_ISSUER, _TOKENS, 403),
    _error("subscription_token_wrong_signature", 103, "stop", "The subscription token's signature does not match the key.",
           "Compare the issuer's secret with the gateway's.", _TOKENS, 403),
    _error("subscription_token_algorithm", 103, "stop", "The subscription token's algorithm is not the one its key is pinned to (`none` never is).",
           "Sign with the algorithm of the configured key.", _TOKENS, 403),
    _error("subscription_token_audience", 103, "stop", "The subscription token is meant for another audience.", _FIX_ISSUER, _TOKENS, 403),
    _error("subscription_token_issuer", 103, "stop", "The subscription token comes from another issuer.", _FIX_ISSUER, _TOKENS, 403),
    _error("subscription_token_wrong_channel", 103, "stop", "The subscription token is for another channel.",
           "Issue it for the channel subscribed to.", _TOKENS, 403),
    _error("subscription_token_wrong_user", 103, "stop", "The subscription token is for another user.",
           "Issue it for the connected user.", _TOKENS, 403),
    _error("subscription_token_wrong_client", 103, "stop", "The subscription token is for another connection (`client`).",
           "Issue it for the client id of the connect reply, or without `client`.", _TOKENS, 403),
    _error("subscription_user_revoked", 103, "stop", "All tokens of this user were revoked.", "The user logs in again.", _TOKENS, 403),
    _error("subscription_token_expired", 109, "fetch_token", "The subscription token has expired (`exp`).", _NEW_TOKEN_OR_CLOCKS, _TOKENS, 403),
    _error("subscription_token_not_yet_valid", 109, "fetch_token", "The subscription token is not valid yet (`nbf`, `iat`).",
           "Compare the clocks of issuer and gateway.", _TOKENS, 403),
    _error("subscription_token_unknown_key", 109, "fetch_token", "No key has the subscription token's key id.", _NEW_TOKEN, _KEYS, 403),
    _error("subscription_token_revoked", 109, "fetch_token", "This subscription token (`jti`) was revoked.", _NEW_TOKEN, _TOKENS, 403),
)

_COMMANDS = (
    _close("malformed_json", 3501, "stop", "A frame is not newline-delimited JSON commands.",
           "Send Centrifuge commands as JSON objects, one a line.", _CLIENT),
    _close("malformed_protobuf", 3501, "stop", "A frame is not Protobuf commands, each behind its length.",
           "Send Centrifuge commands as length-delimited Protobuf messages, or connect without asking for Protobuf.", _CLIENT),
    _close("malformed_command", 3501, "stop", "A command's field has the wrong type or is out of its range.", "Use an SDK, or compare with docs/protocol.md.", _CLIENT),
    _close("delta_unknown", 3501, "stop", "A subscribe asks for a kind of delta that does not exist.", "Ask for `fossil`, or for none.", _CLIENT),
    _close("empty_frame", 3501, "stop", "A frame carried no command.", "Send at least one command, or `{}` as a pong.", _CLIENT),
    _close("unknown_command", 3501, "stop", "A command has none of the known methods.", "Use an SDK, or compare with docs/protocol.md.", _CLIENT),
    _close("ambiguous_command", 3501, "stop", "A command carries more than one method.", "Put each method into a command of its own.", _CLIENT),
    _close("unexpected_input", 3501, "stop", "The client went on sending on the connection of a stream.",
           "Send commands to `/emulation`, on a connection of their own.", _CLIENT),
    _close("command_id_missing", 3501, "stop", "A command that expects a reply has no id above 0.", "Number the commands from 1.", _CLIENT),
    _close("not_connected", 3501, "stop", "A command came before connect had been answered.", "Send connect first and wait for its reply.", _CLIENT),
    _close("already_connected", 3501, "stop", "A second connect command came on a live connection.", "Connect once per connection.", _CLIENT),
    _close("binary_frame", 3501, "stop", "A binary frame came on a connection that speaks JSON.",
           "Send text frames, or ask for the subprotocol `centrifuge-protobuf`.", _CLIENT),
    _close("text_frame", 3501, "stop", "A text frame came on a connection that speaks Protobuf.",
           "Send binary frames, or connect without asking for Protobuf.", _CLIENT),
    _error("bad_request", 107, "stop", "A command's field is missing or impossible.", "Correct the call; the detail names the field.", _CLIENT),
    _error("data_not_json", 107, "stop", "The channel takes only JSON as data.",
           "Publish JSON, or set its namespace's `publication_data_format` to `binary`.", _CHANNELS),
    _error("data_not_object", 107, "stop", "The channel takes only JSON objects as data.",
           "Publish an object, or set its namespace's `publication_data_format` to `json`.", _CHANNELS),
    _error("binary_channel", 108, "stop", "The channel is binary, and the connection speaks JSON.",
           "Connect with a Protobuf client.", _CHANNELS),
    _error("unknown_channel", 102, "stop", "The channel's namespace is not configured.", "Add the namespace, or correct the channel's name.", _CHANNELS, 404),
    _error("permission_denied", 103, "stop", "The channel does not allow this to this client.",
           "Allow it in its namespace, or by a token.", _CHANNELS, 403),
    _error("method_not_found", 104, "stop", "Nothing answers this method here.", "Configure what answers rpc, or correct the method's name.", _CLIENT, 404),
    _error("already_subscribed", 105, "stop", "The client is subscribed to this channel already.", "Subscribe once, unsubscribe first.", _CHANNELS),
    _error("not_subscribed", 103, "stop", "The call needs a subscription to this channel.", "Subscribe first.", _CHANNELS, 403),
    _error("channel_limit", 106, "stop", "The client has as many channels as it may have.",
           "Unsubscribe from some, or raise `client.channel_limit`.", _CHANNELS),
    _error("channel_name_too_long", 107, "stop", "The channel's name is longer than the limit.", "Shorten it, or raise `channel.max_length`.", _CHANNELS),
    _error("channel_name_invalid", 107, "stop", "The channel's name has characters beyond ASCII.", "Name channels in ASCII.", _CHANNELS),
    _error("channel_name_mismatch", 107, "stop", "The channel's name does not match its namespace's `channel_regex`.",
           "Correct the name, or the pattern.", _CHANNELS),
    _error("tags_filter_not_allowed", 107, "stop", "The channel's namespace allows no filter by tags.",
           "Subscribe without one, or switch on `allow_tags_filter` there.", _CHANNELS),
    _error("tags_filter_invalid", 107, "stop", "A filter by tags is malformed or too large.",
           "Compare with docs/channels.md; the detail names the node.", _CHANNELS),
    _error("not_available", 108, "stop", "The channel has no presence or history.",
           "Switch it on in the namespace.", _CHANNELS),
    _error("unrecoverable_position", 112, "stop", "History no longer holds the asked position.",
           "Load a snapshot, then follow from the current position.", _CHANNELS, 416),
    _error("unauthorized", 101, "stop", "The call needs a user, and the connection has none.", "Connect with a token.", _CLIENT, 401),
    _error("connection_token_not_refreshable", 107, "stop", "The connection cannot expire and so has nothing to refresh.",
           "Send refresh only when the connect reply said `expires`.", _CLIENT),
    _error("internal_error", 100, "retry", "The gateway failed as it should not.", "Look for the traceback in the gateway's log.", _FAULT, 500),
    _error("broker_unavailable", 100, "retry", "The broker did not answer.", "Try again; look at `/readyz`.", _BREAKER, 503),
    _error("broker_timeout", 100, "retry", "Redis did not answer in time.",
           "Look for slow commands (`SLOWLOG GET`), a busy core and the way there; `broker.redis.timeout` is the limit.", _REDIS, 503),
    _error("broker_auth_failed", 100, "retry", "Redis refuses the user or the password.",
           "Compare `broker.redis.user` and `broker.redis.password` with Redis' ACL.", _REDIS, 503),
    _error("broker_permission_denied", 100, "retry", "Redis' ACL forbids the user a command, a key or a channel.",
           "Give the user what docs/redis.md lists.", _REDIS, 503),
    _error("broker_read_only", 100, "retry", "Redis takes no writes: it is a replica, or cannot save to its disk.",
           "Point the gateway at Sentinel or the master; look at Redis' log.", _REDIS, 503),
    _error("broker_out_of_memory", 100, "retry", "Redis has reached `maxmemory`.",
           "Raise `maxmemory`, or keep less history; docs/redis.md has the memory per channel.", _REDIS, 503),
    _error("broker_loading", 100, "retry", "Redis loads its data after a start.", "Wait until it has.", _REDIS, 503),
    _error("broker_cluster_down", 100, "retry", "Redis Cluster does not serve the slot.",
           "Look at `CLUSTER INFO`: a master is missing, or slots move.", _REDIS, 503),
    _error("broker_version", 100, "retry", "Redis is older than 7, or not Redis.", "Use Redis or Valkey 7 or later.", _REDIS, 503),
    _error("broker_foreign_key", 100, "retry", "A key under the gateway's prefix is not of the gateway's making.",
           "Delete the key that the detail names, or give the gateway a prefix of its own.", _REDIS, 503),
    _error("durability_not_met", 100, "retry", "Fewer replicas than the namespace's `durability` confirmed the publication.",
           "Publish again with the same idempotency key; look at the replicas of Redis.", _REDIS, 503),
    _error("peer_unreachable", 100, "retry", "The instance that has the session did not answer in time.",
           "Try again; look at that instance and at Redis.", _LOST, 503),
    _error("too_many_requests", 111, "retry", "The caller exceeds its rate.", "Wait, then repeat.", _CAPACITY, 429),
    _error("publish_queue_full", 111, "retry", "Too many asynchronous publications wait to be made.",
           "Wait, then repeat; publish without `async` to be slowed down instead, or raise `api.async_queue_limit`.", _API, 503),
    _error("conflict", 113, "retry", "Somebody else changed it at the same time.", "Repeat.", _CLIENT, 409),
    _error("shutting_down", 1900, "retry", "The instance is stopping.", "Repeat at another instance.", _RESTART, 503),
)

_PROXIES = (
    _error("proxy_timeout", 100, "retry", "The backend did not answer in time.",
           "Look for a slow backend; keep the proxy's `timeout` below `client.handshake_timeout`.", _PROXY, 504),
    _error("proxy_refused", 100, "retry", "The backend cannot be reached.",
           "Compare its address with the proxy's `endpoint`.", _PROXY, 502),
    _error("proxy_broken", 100, "retry", "The backend's answer was cut off.",
           "Look for a crash in the backend's log.", _PROXY, 502),
    _error("proxy_bad_status", 100, "retry", "The backend's HTTP status is not 200.",
           "Look into the backend's log; if it is meant, map it in `status_to_code_transforms`.", _PROXY, 502),
    _error("proxy_bad_reply", 100, "retry", "The backend's answer is malformed.",
           "Compare with docs/proxy.md; the detail names the field.", _PROXY, 502),
    _error("proxy_bad_number", 100, "retry", "The backend answered with a code that clients may not be sent, or with a reason that is JSON or too long.",
           "Use 400-1899 for errors and 4000-4099, 4200-4599, 4700-4999 for disconnects, with a short plain reason.", _PROXY, 502),
    _error("proxy_redirect", 100, "retry", "The backend answered with a redirect; none is followed.",
           "Set the proxy's `endpoint` to the final address.", _PROXY, 502),
    _error("proxy_too_large", 100, "retry", "The backend's answer is larger than `max_response_bytes`.",
           "Answer with less, or raise the limit.", _PROXY, 502),
    _error("proxy_busy", 100, "retry", "Too many calls of this proxy are in flight.",
           "Look for a slow backend, or raise `max_in_flight`.", _PROXY, 503),
    _error("proxy_breaker_open", 100, "retry", "Calls of this proxy kept failing; none is made for a while.",
           "Nothing; calls resume by themselves. `holdfast_proxy_calls_total` names the cause.", _PROXY, 503),
    _error("application_error", 400, "stop", "The user's backend answered with this error of its own.",
           "Ask the backend.", _PROXY),
)

_LIFE = (
    _close("connection_closed", 3000, "retry", "The connection was closed.", "Nothing.", _CLIENT),
    _close("shutdown", 3001, "retry", "The instance is stopping.", "Nothing; SDKs reconnect.", _RESTART, 503),
    _close("rebalanced", 3001, "retry", "The instance had more connections than the others.", "Nothing; SDKs reconnect.", _REBALANCE),
    _close("sent_away", 3001, "retry", "An operator sent the connection away, to come back at once.", "Nothing; SDKs reconnect.", _STORM),
    _close("connection_too_old", 3001, "retry", "The connection reached `client.max_connection_age`.", "Nothing; SDKs reconnect.", _RESTART),
    _close("server_error", 3004, "retry", "The gateway failed as it should not.", "Look for the traceback in the gateway's log.", _FAULT, 500),
    _close("connection_expired", 3005, "retry", "The token expired, and no fresh one came in time.", "Give the client a getToken function.", _TOKENS),
    _close("subscription_expired", 3006, "retry", "The subscription's token expired, and no fresh one came in time.", "Give the subscription a getToken function.", _TOKENS),
    _close("slow_consumer", 3008, "retry", "The client read too slowly.",
           "Look at the client's network, or raise `client.queue_max_size`.", _READERS),
    _close("write_error", 3009, "retry", "Writing to the connection failed.", "Look at network and proxies between client and gateway.", _CUT),
    _close("insufficient_state", 3010, "retry", "The client's position was lost.", "Nothing; SDKs reconnect and recover.", _CHANNELS),
    _close("force_reconnect", 3011, "retry", "The operator asked the client to reconnect.", "Nothing.", _CLIENT),
    _close("no_pong", 3012, "retry", "The client answered no ping in time.", "Look for a sleeping device or a dead path.", _CUT),
    _close("command_rate_limit", 3013, "retry", "The client sent commands faster than allowed.", "Slow the client, or raise `client.command_rate`.", _CAPACITY, 429),
    _close("state_invalidated", 3014, "retry", "The operator invalidated the client's state.", "Nothing; SDKs fetch a token and reconnect.", _TOKENS),
    _close("force_disconnect", 3503, "stop", "The operator disconnected the client for good.", "Ask the operator.", _CLIENT),
    _close("connection_limit", 3504, "stop", "The user has reached the limit of connections.", "Close other connections of this user.", _CAPACITY),
    _close("channel_limit_close", 3505, "stop", "The token has more channels than the client may have.", "Shorten the token's channel list.", _CHANNELS),
    _close("inappropriate_protocol", 3506, "stop", "The operation is not possible over this transport or in this codec.", "Choose another transport, or Protobuf for binary channels.", _CLIENT),
    _close("permission_denied_close", 3507, "stop", "A server-side subscription is not permitted.", "Correct the token's channels.", _CHANNELS),
    _close("not_available_close", 3508, "stop", "A feature that the client needs is off.", "Switch it on in the namespace.", _CHANNELS),
    _close("too_many_errors", 3509, "stop", "The client went on after too many errors.", "Correct the client.", _CLIENT),
    _close("handshake_timeout", 4100, "retry", "Connecting took longer than the handshake timeout.",
           "Look for a slow network; raise `client.handshake_timeout`.", _CLIENT, 408),
    _close("inbox_overflow", 4101, "retry", "The client sent commands without waiting for replies.", "Wait for replies.", _CAPACITY, 429),
    _close("poll_idle", 4102, "retry", "No request came for a poll session within `poll.idle_timeout`.",
           "Nothing; the client opens a new session. Look for a sleeping device or a dead path.", _CUT),
    _close("application", 4000, "retry", "The user's backend closed the connection.",
           "Ask the backend; after 4000-4499 clients come back, after 4500-4999 they stop.", _CLIENT),
)

_UNSUBSCRIBES = (
    Code("unsubscribed_by_client", 0, "unsubscribe", "stop", 200, "The client asked for it.", "Nothing.", "info", _CHANNELS),
    Code("unsubscribed_by_server", 2000, "unsubscribe", "stop", 200, "The server API or a changed permission ended it.",
         "Ask the backend.", "info", _CHANNELS),
    Code("subscription_insufficient_state", 2500, "unsubscribe", "retry", 200, "The subscription's position was lost.",
         "Nothing; SDKs resubscribe and recover.", "warning", _CHANNELS),
    Code("subscription_token_lapsed", 2501, "unsubscribe", "retry", 200, "The subscription's token expired, and no fresh one came in time.",
         "Give the subscription a getToken function.", "info", _TOKENS),
)

_FRAMES = (
    _close("frame_unmasked", 1002, "retry", "A client frame was not masked (RFC 6455, 5.1).", "Use a conforming client.", _CLIENT),
    _close("frame_reserved_bits", 1002, "retry", "A reserved bit was set that no agreed extension has a use for (RFC 6455, 5.2).", "Use a conforming client.", _CLIENT),
    _close("frame_reserved_opcode", 1002, "retry", "A frame had a reserved opcode (RFC 6455, 5.2).", "Use a conforming client.", _CLIENT),
    _close("frame_length", 1002, "retry", "A frame length was not minimal or exceeded 63 bits (RFC 6455, 5.2).", "Use a conforming client.", _CLIENT),
    _close("frame_control_too_long", 1002, "retry", "A control frame was longer than 125 bytes (RFC 6455, 5.5).", "Use a conforming client.", _CLIENT),
    _close("frame_control_fragmented", 1002, "retry", "A control frame was fragmented (RFC 6455, 5.5).", "Use a conforming client.", _CLIENT),
    _close("frame_continuation_unexpected", 1002, "retry", "A continuation came with nothing to continue (RFC 6455, 5.4).",
           "Use a conforming client.", _CLIENT),
    _close("frame_continuation_expected", 1002, "retry", "A new message began inside a fragmented one (RFC 6455, 5.4).",
           "Use a conforming client.", _CLIENT),
    _close("frame_close_malformed", 1002, "retry", "A close frame had one byte, a forbidden code or too long a reason (RFC 6455, 7.4).",
           "Use a conforming client.", _CLIENT),
    _close("frame_deflate_malformed", 1007, "retry", "A compressed message was not whole DEFLATE data (RFC 7692, 7.2).",
           "Use a conforming client, or switch `websocket.compression` off.", _CLIENT),
    _close("invalid_utf8", 1007, "retry", "A text message or a close reason was not UTF-8 (RFC 6455, 8.1).", "Send text as UTF-8.", _CLIENT),
    _close("message_too_big", 1009, "stop", "A message was too large.",
           "Send less, or raise `websocket.max_message_bytes`.", _CLIENT, 413),
    _close("client_gone", 1006, "retry", "The connection ended without a close frame.", "Look at network and proxies between client and gateway.", _CUT),
    _close("ack_timeout", 1006, "retry", "The client took nothing for `http.sockets.user_timeout`.",
           "Look at network and proxies between client and gateway.", _CUT),
    _close("client_closed", 1000, "retry", "The client closed the connection.", "Nothing.", _CLIENT),
)

_HTTP = (
    _http("origin_not_allowed", 1910, 403, "The page's Origin is not allowed.",
          "Add it to `client.allowed_origins`.", _CLIENT),
    _http("draining", 1911, 503, "The instance is draining and takes no new connections.", "Come back through the load balancer.", _RESTART),
    _http("not_ready", 1912, 503, "The instance is not ready; the body names the failing checks.", "Follow the named check.", _RESTART),
    _http("api_key_missing", 1920, 401, "The API call carries no key.", "Send `X-API-Key` or `Authorization: apikey KEY`."),
    _http("api_key_invalid", 1921, 401, "The API key is not one of the configured ones.", "Compare it with `api.keys`."),
    _http("body_too_large", 1922, 413, "The request's body is too large.", "Send less, or raise the limit, such as `api.max_body_bytes`."),
    _http("not_found", 1923, 404, "There is nothing at this path.", "Look into docs/api.md for the paths."),
    _http("method_not_allowed", 1924, 405, "The path does not take this HTTP method.", "The `Allow` header names the right ones."),
    _http("upgrade_required", 1925, 426, "The path takes only WebSocket handshakes.", "Connect with a WebSocket client, version 13."),
    _http("upgrade_stripped", 1962, 426, "A proxy dropped the header `Upgrade` or `Connection`.",
          "Let it speak HTTP/1.1 and pass on both; see docs/reverse-proxies.md.", _PATH),
    _http("bad_handshake", 1926, 400, "The WebSocket handshake has a missing or wrong header (RFC 6455, 4.2.1).",
          "Look for a proxy that drops or changes headers.", _CLIENT),
    _http("bad_http", 1927, 400, "The bytes are not an HTTP/1.1 request.", "Look for TLS spoken to a plain port.", _CLIENT),
    _http("headers_too_large", 1928, 431, "The request's headers are too large.", "Send fewer or smaller headers and cookies.", _CLIENT),
    _http("url_too_long", 1929, 414, "The request's URL is too long.", "Send the token in the connect command.", _CLIENT),
    _http("request_timeout", 1930, 408, "The request was not complete in time.", "Look for a slow or stuck client.", _CLIENT),
    Code("unknown_session", 1931, "http", "retry", 404, "This instance has no such session.",
         "Nothing; the client opens a new one and recovers.", "info", _CLIENT),
    _http("emulation_malformed", 1932, 400, "The body is no emulation request.", "Use an SDK, or compare with docs/protocol.md.", _CLIENT),
    _http("connect_missing", 1933, 400, "The request to open a stream carries no commands.", "Use an SDK, or compare with docs/protocol.md.", _CLIENT),
)

_ADMISSION = (
    _http("instance_connection_limit", 1913, 503, "The instance has as many connections as it may have.",
          "Add instances, or raise `admission.max_connections` if descriptors and memory allow.", _LIMIT),
    _http("address_connection_limit", 1914, 429, "This address has as many connections as one address may have.",
          "Look for a client that opens too many; behind a proxy set `http.trusted_proxies`, or raise `admission.max_connections_per_address`.", _LIMIT),
    _http("accept_rate", 1915, 503, "Too many handshakes came at once.",
          "Nothing; clients come back later. Raise `admission.rate` and `admission.burst` if the CPU allows.", _ACCEPT_RATE),
    _http("overload_loop_lag", 1916, 503, "The event loop is late.",
          "Look for what blocks it, or add instances.", "loop-lag"),
    _http("overload_memory", 1917, 503, "Memory is close to its limit.",
          "Look for slow readers and large histories, or add instances.", "memory"),
    _http("overload_cpu", 1918, 503, "The instance uses all of its core.", "Add instances.", "cpu"),
    _http("overload_descriptors", 1919, 503, "Free file descriptors are running out.",
          "Raise the limit (`LimitNOFILE`, `ulimit -n`): two for each connection.", "descriptors"),
    _http("breaker_open", 1934, 503, "The instance lets nobody in for a while: what it needs keeps failing.",
          "Nothing; it tries single clients again by itself. The log (`breaker_opened`) names the cause.", _BREAKER),
)

_OPERATORS = (
    _http("admin_token_missing", 1935, 401, "The request carries no admin token, or none is configured.",
          "Set `admin.token` and send `Authorization: Bearer TOKEN`.", _ADMIN),
    _http("admin_token_invalid", 1936, 403, "The admin token is not the configured one.", "Compare it with `admin.token`.", _ADMIN),
    _http("query_invalid", 1937, 400, "A parameter of the request is unknown or has a value it cannot have.", "The detail names it.", _ADMIN),
    _http("log_token_invalid", 1938, 403, "The log lines come without a token, or with one that was used or has expired.",
          "Take that of the connect reply (`holdfast.log_token`) or of `/connection/explain`; each is good once.", _CLIENT),
    _http("log_batch_malformed", 1939, 400, "The body is no batch of log lines.", "Compare it with docs/logs.md.", _CLIENT),
    _http("rate_limited", 1940, 429, "Too many such requests came from this address or session.", "Wait, then repeat.", _CLIENT),
    _http("unknown_attempt", 1941, 404, "No instance saw this attempt.",
          "Try `holdfast probe URL` from the client's network; it never arrived, or is too long ago.", _CLIENT),
)

_LOGINS = (
    _http("login_refused", 1942, 401, "Name or password is wrong, or the account is disabled.",
          "Ask for both again; only the log line `login_refused` says which it was.", _LOGIN),
    _http("login_locked", 1943, 429, "Too many logins of this account, or from this address.",
          "Wait as long as `Retry-After` says; each failure makes the next wait longer.", _LOGIN),
    _http("login_malformed", 1944, 400, "The body is not what this path takes.",
          'Send JSON as docs/login.md has it.', _LOGIN),
    _http("login_busy", 1945, 503, "Too many logins wait to be checked.",
          "Wait, then repeat; look who logs in so often.", _LOGIN),
    _session("session_missing", 1946, "There is no session cookie: nobody is logged in here.",
          "Log in; right after a login, look for what drops the cookie, such as plain HTTP."),
    _session("session_ended", 1947, "The session has ended: it is too old, was unused for too long, or its account was changed.",
          "Log in again."),
    _session("session_signed_out", 1948, "The session was ended by its user, here or elsewhere, or by an operator.", "Log in again."),
    _session("session_replayed", 1949, "A refresh token was used twice: somebody has a copy, so the session was ended.",
          "Log in again; if it comes back, look for a device or a proxy that leaks cookies."),
    _http("csrf_refused", 1986, 403, "The request may come from a page of another site.",
          "Call it by `fetch` with `content-type: application/json` from the gateway's origin, or add the page's to `auth.allowed_origins`.", _LOGIN),
    _http("users_unavailable", 1987, 503, "The database of users did not answer.",
          "Try again; look at the database that `auth` names.", _LOGIN),
)

_ON_THE_WAY = (
    _path("dns_not_found", 1950, "The name has no address.", "Correct the name, or its DNS record."),
    _path("dns_failed", 1951, "The resolver did not answer.", "Look at the resolver of the client's network."),
    _path("tcp_refused", 1952, "Nothing listens at this address and port.", "Start the gateway or its proxy, or correct the port."),
    _path("tcp_timeout", 1953, "No answer came from this address and port: packets are dropped on the way.",
          "Look for a firewall, a security group or a wrong address; a full accept queue looks the same."),
    _path("tcp_unreachable", 1954, "There is no route to the address.", "Look at the routes and the address family."),
    _path("tls_expired", 1955, "The certificate has expired.", "Renew it; the gateway reloads its files by itself."),
    _path("tls_not_yet_valid", 1956, "The certificate is not valid yet.", "Compare the clocks, or wait."),
    _path("tls_wrong_name", 1957, "The certificate is for other names.", "Issue one that has this name, or connect by a name it has."),
    _path("tls_untrusted", 1958, "The certificate's chain leads to no authority that the client trusts.",
          "Serve the whole chain, intermediates included, or trust the authority."),
    _path("tls_not_spoken", 1959, "The port does not speak TLS.", "Use ws:// here, or the port that speaks TLS."),
    _path("tls_required", 1960, "The port speaks TLS and was sent plain HTTP.", "Use wss:// here."),
    _path("tls_failed", 1961, "The TLS handshake failed.", "Compare protocol versions and ciphers of both sides."),
    _path("upgrade_refused", 1963, "The handshake was answered with another HTTP status than 101, and not by a Centrifuge server.",
          "Look at the server or proxy that answered; the probe names it where it can."),
    _path("upgrade_timeout", 1964, "No answer to the handshake came in time.", "Look for a proxy or a gateway that hangs."),
    _path("upgrade_invalid", 1965, "The answer to the handshake breaks RFC 6455, 4.1.", "Look for a proxy that changes headers."),
    _path("path_not_found", 1966, "The server has no such path, and is no gateway.", "Correct the URL's path."),
    _path("not_centrifuge", 1967, "The server speaks WebSocket and does not answer in the Centrifuge protocol.", "Connect to a Centrifuge server."),
    _path("connect_timeout", 1968, "The transport opened, and no answer to connect came.",
          "Look for a proxy that buffers, or a gateway that hangs."),
    _path("subscribe_timeout", 1969, "No answer to subscribe came.", "Look at the gateway's broker and proxies."),
    _path("message_lost", 1970, "A published message did not come back.", "Look at the broker, and for a proxy that buffers."),
    _path("proxy_idle_cut", 1971, "The path ended the idle connection without a close frame.",
          "Raise the idle limit of the proxy on the way, or lower `client.ping_interval` below it.", _CUT),
    _path("stream_buffered", 1972, "Something on the way holds back what the server streams.", "Switch off the proxy's buffering; see docs/reverse-proxies.md."),
    _path("close_unanswered", 1973, "The close frame was not answered.", "Look for a proxy that swallows frames."),
    _path("connection_cut", 1974, "The connection ended without a close frame.", "Look at network and proxies between client and gateway.", _CUT),
    _path("tls_self_signed", 1975, "The certificate is signed by itself, and the client does not trust it.",
          "Serve one of an authority that clients trust, or make them trust this one."),
    _path("tls_timeout", 1976, "The TLS handshake was not answered in time.", "Look for a proxy or a gateway that hangs, and for a port that is not TLS."),
    _path("upgrade_cut", 1977, "The connection ended instead of an answer to the handshake.",
          "Look into the log of what listens there; behind a proxy it is often the proxy that could not reach the gateway."),
    _path("upgrade_redirected", 1978, "The handshake was answered with a redirect, which no browser follows.", "Connect to the address that it names."),
    _path("upgrade_no_gateway", 1979, "A proxy cannot reach the gateway behind it.",
          "Start the gateway, or correct its address at the proxy; its log names what failed."),
    _path("token_refused", 1980, "The server refused the token and did not say why.",
          "Compare the token with the server's settings and the clocks of both; `holdfast token check TOKEN` explains it.", _TOKENS),
    _path("login_failed", 1981, "The login gave no token.", "Look at the login's answer; it takes POST `{username, password}` and answers `{token}`.", _TOKENS),
    _path("connect_refused", 1982, "The server refused the connect command for a reason of its own.", "Look into the server's log, or ask its backend."),
    _path("subscribe_refused", 1983, "The server refused the subscription for a reason of its own.", "Look into the server's log, or ask its backend."),
    _path("closed_by_server", 1984, "The server closed the connection with a code of its own.", "Look into the log of the server and of the proxies before it."),
    _path("pings_missing", 1985, "The server's pings stopped, and nobody closed the connection.",
          "Look for a firewall or a proxy that forgot the connection.", _CUT),
)

# What only the browser client can know; the causes that it shares with gateway and probe have their rows there.
_IN_THE_BROWSER = (
    _client("offline", 1, "retry", "The device has no network.", "Nothing; the client connects when it is back.", _PATH),
    _client("open_failed", 2, "retry", "The transport did not open; browsers do not say why.",
            "Try `holdfast probe URL` from the client's network; the client itself asks `/connection/explain`.", _PATH),
    _client("open_timeout", 3, "retry", "The transport did not open within `handshakeTimeout`.",
            "Try `holdfast probe URL`; look for a firewall that drops packets, or a proxy that hangs.", _PATH),
    _client("server_unreachable", 4, "retry", "Plain HTTP does not reach the server either.",
            "Try `holdfast probe URL` from the device; look at DNS, network and TLS on the way.", _PATH),
    _client("captive_portal", 5, "retry", "Something else answered with a redirect or a page of HTML, such as a hotel's network.",
            "Open any page and log in to the network; where there is no such login, correct the address.", _PATH),
    _client("answer_malformed", 6, "retry", "An HTTP answer is malformed.",
            "Look for a proxy that changes answers, or a server that is none of ours.", _CLIENT),
    _client("message_malformed", 7, "retry", "The server sent what is no message of the protocol.",
            "Look for a proxy that changes frames, or a server that is none of ours.", _CLIENT),
    _client("message_oversized", 8, "retry", "The server sent too large a message.", "Send smaller messages.", _CLIENT),
    _client("transport_unsupported", 9, "stop", "This browser has none of the allowed transports.", "Allow more in `transports`.", _PATH),
    _client("import_failed", 10, "retry", "A part of the client did not load.",
            "Serve all files of the client side by side, and allow them in `Content-Security-Policy`.", _CLIENT),
    _client("command_timeout", 11, "retry", "No reply came within `commandTimeout`; whether the command was carried out is unknown.",
            "Repeat what may be done twice; look for a slow backend.", _CLIENT),
    _client("outcome_unknown", 12, "retry", "The connection ended before the reply; whether the command was carried out is unknown.",
            "Repeat what may be done twice; else look whether it was done.", _CUT),
    _client("queue_full", 13, "retry", "As many messages wait for a connection as may wait.",
            "Send less meanwhile, or raise `queueSize`.", _CLIENT),
    _client("queue_timeout", 14, "retry", "A message waited longer than `queueTimeout` for a connection; it was not sent.",
            "Send it again when there is a connection.", _CLIENT),
    _client("disconnect_called", 15, "stop", "The application called disconnect(), or not yet connect().", "Call connect().", _CLIENT),
    _client("page_frozen", 16, "retry", "The browser froze the page, or the device slept.", "Nothing; the client connects when it goes on.", _CUT),
    _client("state_sync_failed", 19, "retry", "The application's callback for snapshots failed.", "Look at what the callback calls.", _CHANNELS),
    _client("migration_failed", 20, "retry", "The connection could not move to another instance; the old one lives on.",
            "Nothing; the client tries again.", _RESTART),
    _client("listener_failed", 21, "retry", "A listener of the application failed; the others were told.",
            "Look at the error behind it.", _CHANNELS),
    _client("commands_undelivered", 22, "retry", "A stream's messages arrive, and its commands get no answer.",
            "Look for a proxy that blocks `/emulation` or sends it to another instance.", _PATH),
    _client("mixed_content", 23, "stop", "The page came by https, and the address is ws: or http:, which browsers forbid.",
            "Use wss: or an address relative to the page; let the server speak TLS.", _PATH),
    _client("token_source_unreachable", 30, "retry", "The token endpoint cannot be reached.",
            "Look at the network, and at its address and CORS.", _TOKENS),
    _client("token_source_timeout", 31, "retry", "No token came in time.", "Look for a slow login server, or a getToken that never settles.", _TOKENS),
    _client("token_source_failed", 32, "retry", "The token endpoint answered with an error.", "Look into its server's log.", _TOKENS),
    _client("token_source_malformed", 33, "retry", "What getToken or its endpoint gave is no token.",
            "Let the endpoint answer JSON `{token, expires_in}`, and getToken return text.", _TOKENS),
    _client("token_unchanged", 34, "retry", "getToken gave a token that was refused before.",
            "Issue a fresh token at each call; look for a cache.", _TOKENS),
    _client("login_required", 35, "login", "The user has to log in.", "Log in.", _TOKENS),
    _client("signed_out_elsewhere", 36, "login", "The user logged out in another tab.", "Log in.", _TOKENS),
    _client("login_loop", 37, "stop", "The login page sent the user back without a session.",
            "Look for what drops the cookie; it may be a third-party context, plain HTTP, a wrong `Domain` or `Path`.", _TOKENS),
    _client("clock_wrong", 38, "retry", "The clock of this device is wrong.", "Set it; the client goes by the server's meanwhile.", _TOKENS),
    _client("unknown_cause", 99, "retry", "The server gave a number or reason unknown to this client.",
            "Look into the server's log; update the client.", _CLIENT),
)

# fmt: on

ALL: tuple[Code, ...] = (
    *_CONNECTION_TOKEN,
    *_SUBSCRIPTION_TOKEN,
    *_COMMANDS,
    *_PROXIES,
    *_LIFE,
    *_UNSUBSCRIBES,
    *_FRAMES,
    *_HTTP,
    *_ADMISSION,
    *_OPERATORS,
    *_LOGINS,
    *_ON_THE_WAY,
    *_IN_THE_BROWSER,
)
CODES: Mapping[str, Code] = MappingProxyType({code.slug: code for code in ALL})


def is_reserved(number: int) -> bool:
    """Tell whether a number from outside (API, backend) would collide with a meaning of ours."""
    return any(low <= number <= high for low, high in RESERVED_RANGES)
