"""Every metric of the gateway, declared once: name, help, labels.

What happens rarely is counted by prometheus_client's own objects. What happens on the hot path is a plain number in
the part that counts it, and `Scraped` reads it when somebody scrapes: an `inc()` takes a lock and costs more than
writing a frame. Labels are of low cardinality: never a user, a channel or a connection.
"""

from __future__ import annotations

import platform

from prometheus_client import ProcessCollector
from prometheus_client.exposition import choose_encoder

from holdfast import __version__
from holdfast.telemetry.declare import DECLARED, REGISTRY, Scraped
from holdfast.telemetry.declare import counter as _counter
from holdfast.telemetry.declare import gauge as _gauge
from holdfast.telemetry.declare import histogram as _histogram
from holdfast.telemetry.declare import scraped_histogram as _scraped_histogram

# What is running
BUILD = _gauge("holdfast_build_info", "Always 1; the labels say what is running.", "version", "python")
BUILD.labels(__version__, platform.python_version()).set(1)
LOOP_LAG = _histogram(
    "holdfast_loop_lag_seconds",
    "How late the event loop ran a callback that was due, measured four times a second.",
    (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
RESOURCE_RATIO = Scraped(
    "gauge", "holdfast_resource_used_ratio", "Which part of its limit a resource uses; 1 is none left.", "resource"
)
RESOURCE_LIMIT = Scraped(
    "gauge",
    "holdfast_resource_limit",
    "The limit itself: bytes of memory and socket_memory, cores of cpu, else a number.",
    "resource",
)
RESOURCE_LEVEL = Scraped("gauge", "holdfast_resource_level", "0 is fine, 1 warning, 2 critical.", "resource")
SOCKET_MEMORY = Scraped("gauge", "holdfast_socket_memory_bytes", "Memory of the kernel for TCP sockets of the host.")
CONNTRACK = Scraped("gauge", "holdfast_conntrack_entries", "Connections that the kernel's firewall tracks.")
ACCEPT_QUEUE = Scraped("gauge", "holdfast_accept_queue_connections", "Connections that wait to be accepted.")
LISTEN_LOSSES = Scraped(
    "counter",
    "holdfast_listen_losses_total",
    "Connections that the host's listeners lost since the start: overflows of accept queues, drops of any cause.",
    "cause",
)
SOCKET_OPTION = Scraped(
    "gauge",
    "holdfast_socket_option",
    "What the kernel granted for sockets of clients: seconds, bytes, a number, or 1 for on.",
    "option",
)
SOCKET_OPTION_REFUSED = Scraped(
    "gauge", "holdfast_socket_option_refused", "1 for each option of `http.sockets` that this kernel refused.", "option"
)
ACCEPT_PAUSES = _counter(
    "holdfast_accept_pauses_total",
    "Times that a listener left newcomers in its queue, because more were refused than `admission.refusal_rate`.",
)
NOTIFICATIONS = _counter(
    "holdfast_notifications_total",
    'Events for webhooks: "delivered", "failed" in the end, or "dropped" because too many waited.',
    "result",
)

# Connections
CONNECTIONS = Scraped("gauge", "holdfast_connections", "Live connections.")
USERS = Scraped("gauge", "holdfast_users", "Different users among the live connections.")
HANDSHAKES = _counter(
    "holdfast_handshakes_total",
    'Handshakes by transport and outcome: "ok", or the slug of the refusal.',
    "transport",
    "slug",
)
HANDSHAKE_SECONDS = _scraped_histogram(
    "holdfast_handshake_stage_seconds",
    "How long the stages of answered connects took: upgrade (accepted socket to 101), first_command (to the connect "
    "command), token (until it was believed), connect (until the reply).",
    (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
    "stage",
)
TRANSPORT_CONNECTIONS = Scraped(
    "gauge", "holdfast_transport_connections", "Live connections, by transport.", "transport"
)
OPENING = Scraped("gauge", "holdfast_opening_connections", "Connections accepted that have not connected yet.")
CONNECTION_HEADROOM = Scraped(
    "gauge", "holdfast_connection_headroom", "How many more connections `admission.max_connections` allows."
)
ADMISSION_BREAKER = Scraped(
    "gauge", "holdfast_admission_breaker_state", "0 lets newcomers in, 1 tries single ones, 2 keeps them all outside."
)
ADMISSION_SHARE = Scraped(
    "gauge", "holdfast_admission_open_ratio", "Share of the accept rate that newcomers get; below 1 after a stall."
)
EMULATIONS = _counter(
    "holdfast_emulation_requests_total",
    'Requests that carried commands of streams: "ok", or the slug of the refusal.',
    "slug",
)
HTTP_REFUSALS = _counter(
    "holdfast_http_refusals_total",
    "Requests refused because they are no good ones or no endpoint is there for them, by slug.",
    "slug",
)
CONNECTS = Scraped("counter", "holdfast_connects_total", "Connections opened, answered or not.")
CLOSES = Scraped(
    "counter",
    "holdfast_closes_total",
    'Connections ended, by the slug of the cause and by who ended them: "peer", "us", or "path" for an end without a '
    "close frame.",
    "slug",
    "initiator",
)
CLIENT_CONNECTIONS = Scraped(
    "gauge",
    "holdfast_client_connections",
    'Live connections, by the SDK that the client says it is; "other" where it says none or one that is not known.',
    "sdk",
)
LEDGER_RECORDS = Scraped(
    "gauge", "holdfast_ledger_records", "Refused attempts and ended connections that are remembered.", "kind"
)
LEDGER_PLANNED = Scraped(
    "counter",
    "holdfast_ledger_planned_total",
    "What a drain did to connections and newcomers, counted and not remembered one by one.",
    "slug",
)
QUEUE_BYTES = Scraped("gauge", "holdfast_queue_bytes", "Bytes that wait for readers slower than what they are sent.")
CONGESTED = Scraped("gauge", "holdfast_congested_connections", "Connections whose readers are that slow.")
DRAINING = Scraped(
    "gauge", "holdfast_draining_connections", "Connections that a drain has still to send away; 0 otherwise."
)
DRAIN_RATE = Scraped("gauge", "holdfast_drain_rate", "Clients a second that a drain tells to leave; 0 otherwise.")
FAREWELLS = Scraped(
    "counter",
    "holdfast_farewells_total",
    "Clients that a drain, a rebalance or their age sent away: those who were asked and moved by themselves (moved), "
    "who were asked and had to be closed (overdue), who could not be asked (closed).",
    "slug",
    "outcome",
)
EXCESS = Scraped("gauge", "holdfast_rebalance_excess_connections", "Connections above the mean of all instances.")

EXPLANATIONS = _counter(
    "holdfast_explanations_total",
    'Questions to `/connection/explain`: "ok", or the slug of why there is no answer.',
    "slug",
)

# Polls
POLL_SESSIONS = Scraped("gauge", "holdfast_poll_sessions", "Live sessions of long polling.")
POLLS = Scraped(
    "counter",
    "holdfast_polls_total",
    'Requests of long polling: answered with "messages", "empty" or as "superseded" by a newer one, "stale" when '
    'the newer one had come before, "gone" when the client left first, or the slug of the refusal.',
    "outcome",
)

# Commands and what is received
COMMANDS = Scraped("counter", "holdfast_commands_total", "Commands of clients, by method.", "method")
ERRORS = Scraped("counter", "holdfast_errors_total", "Error replies to clients, by slug.", "slug")
MESSAGES = Scraped("counter", "holdfast_received_messages_total", "Messages received from clients.")
RECEIVED_BYTES = Scraped("counter", "holdfast_received_bytes_total", "Bytes of messages received from clients.")

# Channels and deliveries
SUBSCRIPTIONS = Scraped("gauge", "holdfast_subscriptions", "Live subscriptions.")
CHANNELS = Scraped("gauge", "holdfast_channels", "Channels with subscribers on this instance.")
PUBLICATIONS = Scraped("counter", "holdfast_publications_total", "Publications that came to this instance's channels.")
DELIVERIES = Scraped("counter", "holdfast_deliveries_total", "Publications written to subscribers.")
DELIVERED_BYTES = Scraped("counter", "holdfast_delivered_bytes_total", "Bytes of publications written to subscribers.")
COMPRESSION_BYTES = Scraped(
    "counter",
    "holdfast_compression_bytes_total",
    "Bytes of messages before and after compression, each message once for all who share it.",
    "side",
)
COMPRESSED_CONNECTIONS = Scraped(
    "counter", "holdfast_compressed_connections_total", "WebSocket connections that agreed on compression."
)
RECOVERIES = Scraped(
    "counter",
    "holdfast_recoveries_total",
    "Subscriptions that asked for what they had missed, by whether they got all of it.",
    "recovered",
)

# Tokens
TOKEN_VALIDATIONS = _counter("holdfast_token_validations_total", 'Tokens checked: "ok", or the slug.', "slug")
TOKEN_CACHE = _counter(
    "holdfast_token_cache_lookups_total",
    'Tokens looked up among those validated before: "hit" or "miss".',
    "result",
)
LOGINS = _counter("holdfast_logins_total", 'Requests to log in: "ok", or the slug of the refusal.', "outcome")
REFRESHES = _counter(
    "holdfast_session_refreshes_total",
    'Refreshes of sessions: "ok", "repeated" where a token was exchanged before and its successor was given again, or '
    "the slug of the refusal.",
    "outcome",
)
LOGOUTS = _counter(
    "holdfast_logouts_total", 'Sessions ended on purpose, by whose wish: "here", "everywhere", "operator".', "by"
)
SESSIONS = Scraped(
    "gauge",
    "holdfast_login_sessions",
    "Sessions of the login that the embedded broker holds, live ones and those that were ended within the last day.",
)
PASSWORD_SECONDS = _histogram(
    "holdfast_password_check_seconds",
    "How long the check of a password took, waiting for its turn included.",
    (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
JWKS_FETCHES = _counter("holdfast_jwks_fetches_total", "Fetches of the key set, ok or failed.", "result")

# Server API
API_COMMANDS = _counter("holdfast_api_commands_total", "Commands of the server API, by method.", "method")
API_ERRORS = _counter("holdfast_api_errors_total", "Commands of the server API that failed, by slug.", "slug")
ASYNC_PUBLICATIONS = _counter(
    "holdfast_async_publications_total",
    'Publications answered before they were made, by how that went: "ok", or the slug of what lost them.',
    "slug",
)
ASYNC_WAITING = Scraped("gauge", "holdfast_async_publications_waiting", "Publications answered that wait to be made.")
API_SECONDS = _histogram(
    "holdfast_api_request_seconds",
    "How long API requests took, from a complete body to the result.",
    (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
)

# Calls to the user's backend
PROXY_CALLS = _counter(
    "holdfast_proxy_calls_total", 'Calls to the backend by proxy and outcome: "ok", or the slug.', "proxy", "slug"
)
PROXY_SECONDS = _histogram(
    "holdfast_proxy_call_seconds",
    "How long calls to the backend took, from the command to the answer.",
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
    "proxy",
)
PROXY_IN_FLIGHT = Scraped("gauge", "holdfast_proxy_calls_in_flight", "Calls to the backend being made.", "proxy")
PROXY_BREAKER = Scraped(
    "gauge", "holdfast_proxy_breaker_state", "0 lets calls through, 1 tries single ones, 2 stops them all.", "proxy"
)

# All calls to something outside
RETRIES = _counter(
    "holdfast_retries_total",
    'Repeated calls, by what was called and result: "ok", "failed" once more, or "denied" because the budget of '
    "repetitions was used up.",
    "target",
    "result",
)

# What was missed while the link to a shared broker was down
CAUGHT_UP = _counter(
    "holdfast_caught_up_publications_total", "Publications that came late, from history, because the link was down."
)
DELIVERED_WITHOUT_BROKER = _counter(
    "holdfast_delivered_without_broker_total",
    "Publications given to this instance's subscribers alone, while the broker was away.",
)
CATCH_UPS_LOST = _counter(
    "holdfast_catch_ups_lost_total", "Channels of which something missed was no longer in history."
)

# Redis
BROKER_UP = _gauge("holdfast_broker_up", "Whether the broker does what it is asked: Redis, wherever its keys are.")
BROKER_LINK_UP = _gauge(
    "holdfast_broker_link_up",
    'Whether what Redis sends by itself comes here: "feed" for publications, "messages" for those of other instances.',
    "link",
)
BROKER_FAILURES = _counter("holdfast_broker_failures_total", "Failures of Redis and of the way there.", "slug")

# Embedded broker
BROKER_STREAMS = Scraped("gauge", "holdfast_broker_streams", "Channels whose position the embedded broker keeps.")
SNAPSHOT_SECONDS = _histogram(
    "holdfast_snapshot_seconds",
    "How long writing a snapshot took.",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
SNAPSHOT_BYTES = _gauge("holdfast_snapshot_bytes", "Size of the last snapshot.")
SNAPSHOT_FAILURES = _counter("holdfast_snapshot_failures_total", "Snapshots that could not be written or read.")
STATE_SNAPSHOT_MOMENT = _gauge(
    "holdfast_state_snapshot_timestamp_seconds",
    "When the latest file of what Redis holds was begun, as far as this instance sees them; 0 for never.",
)
STATE_SNAPSHOT_BYTES = _gauge("holdfast_state_snapshot_bytes", "Size of the last such file that this instance wrote.")
STATE_SNAPSHOT_SECONDS = _gauge("holdfast_state_snapshot_seconds", "How long this instance took to write it.")
STATE_SNAPSHOT_FAILURES = _counter(
    "holdfast_state_snapshot_failures_total", "Files of what Redis holds that could not be written."
)

# Instances among each other
NODES = Scraped("gauge", "holdfast_nodes", "Instances that are listed, this one too, by phase.", "phase")
BUS_MESSAGES = Scraped(
    "counter",
    "holdfast_bus_messages_total",
    'Messages between instances by type and direction, "in" or "out"; each to all counts once.',
    "type",
    "direction",
)
BUS_IGNORED = Scraped(
    "counter",
    "holdfast_bus_ignored_total",
    'Messages of other instances that were ignored: "version" and "type" are unknown here, "malformed", "too_long".',
    "reason",
)
SURVEY_SECONDS = _histogram(
    "holdfast_survey_seconds",
    "How long it took until all other instances had answered a question, or the time was over.",
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    "type",
)
SURVEY_MISSING = _counter("holdfast_survey_missing_total", "Answers of other instances that did not come.", "type")
FORWARDED = _counter(
    "holdfast_forwarded_requests_total",
    'Requests of clients that were forwarded to the instance of their session, by transport, "emulation" or "poll", '
    'and outcome: "ok", "empty" where its instance stayed silent or this one stops, "gone" where the client left '
    "first, or the slug of the refusal.",
    "transport",
    "outcome",
)

# Logs
LOG_LINES = _counter("holdfast_log_lines_total", "Log lines written, by level and category.", "level", "category")
LOG_LEFT_OUT = _counter(
    "holdfast_log_lines_left_out_total", "Log lines left out because they repeated, by category.", "category"
)
LOG_DROPPED = Scraped(
    "counter", "holdfast_log_lines_dropped_total", "Log lines lost because whoever takes them was too slow."
)
LOG_FILE_FAILURES = Scraped(
    "counter", "holdfast_log_file_failures_total", "Times that the log file could not be opened, written or rotated."
)
CLIENT_LOG_BATCHES = _counter(
    "holdfast_client_log_batches_total", 'Batches of browsers\' log lines: "ok", or the slug of the refusal.', "slug"
)

ProcessCollector(registry=REGISTRY)  # process_*: memory, CPU, descriptors, start time


def exposition(accept: str = "") -> tuple[bytes, str]:
    """Return all metrics and their content type, in the format the `Accept` header asks for."""
    encode, content_type = choose_encoder(accept)
    return encode(REGISTRY), content_type


def render_metrics_docs() -> str:
    """Return docs/metrics.md: every metric with its labels and meaning."""
    rows = [
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels) or '-'} | {one.help} |"
        for one in sorted(DECLARED, key=lambda one: one.name)
    ]
    head = """\
# Metrics

<!-- Generated by `make docs`; edit app/holdfast/telemetry/metrics.py instead. -->

`GET /metrics` answers in the Prometheus text format, or in OpenMetrics where the scraper asks for it. Every cause of a
refusal, an error or a close is a `slug` of [errors.md](errors.md). No label holds a user, a channel or a connection.
The [runbooks](../runbooks/README.md) say which of them to look at, and what to expect.
Beside these there are the usual `process_*` metrics of the Prometheus client library.

| Metric | Kind | Labels | Meaning |
| --- | --- | --- | --- |
"""
    return head + "\n".join(rows) + "\n"
