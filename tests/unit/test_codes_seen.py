"""Tests of holdfast.codes_seen."""

from __future__ import annotations

import pytest

from holdfast.codes import ALL, CODES, Code
from holdfast.codes_seen import Trace, client_sees, trace_of


@pytest.mark.parametrize("code", ALL, ids=lambda code: code.slug)
def test_client_sees_a_sentence(code: Code) -> None:
    """Of every cause there is something to say to the developer of a page."""
    assert client_sees(code).endswith(".")


@pytest.mark.parametrize(
    ("slug", "seen"),
    [
        ("origin_not_allowed", "/connection/explain"),
        ("tls_expired", "run the probe"),
        ("api_key_missing", "HTTP 401"),
        ("token_empty", "`disconnected`"),
        ("slow_consumer", "`connecting`"),
        ("frame_unmasked", "code 1"),
        ("message_too_big", "code 3"),
        ("client_gone", "1006"),
        ("ack_timeout", "1006"),
        ("client_closed", "itself"),
        ("application", "backend's own"),
        ("token_expired", "`getToken`"),
        ("broker_unavailable", "temporary"),
        ("permission_denied", "`unsubscribed`"),
        ("unsubscribed_by_server", "code 2000"),
        ("subscription_token_lapsed", "`subscribing`"),
        ("message_lost", "probe"),
        ("captive_portal", "Browser client"),
    ],
)
def test_client_sees_what_its_kind_allows(slug: str, seen: str) -> None:
    """What a page is told depends on how far it came, and what the SDK makes of the number."""
    assert seen in client_sees(CODES[slug])


@pytest.mark.parametrize(
    ("slug", "metric", "event", "path"),
    [
        ("accept_rate", "holdfast_handshakes_total", "handshake_refused", "/admin/attempts"),
        ("bad_http", "holdfast_http_refusals_total", "request_refused", "/admin/attempts"),
        ("token_missing", "holdfast_token_validations_total", "token_refused", "/admin/attempts"),
        ("subscription_token_expired", "holdfast_errors_total", "command_refused", ""),
        ("no_pong", "holdfast_closes_total", "connection_closed", "/admin/connections"),
        ("shutdown", "holdfast_closes_total", "connection_closed", ""),
        ("proxy_timeout", "holdfast_errors_total", "connection_refused", "/admin/attempts"),
        ("unknown_channel", "holdfast_errors_total", "command_refused", ""),
        ("shutting_down", "holdfast_api_errors_total", "api_call_failed", ""),
        ("log_token_invalid", "holdfast_client_log_batches_total", "browser_lines_refused", ""),
        ("login_locked", "holdfast_logins_total", "login_refused", ""),
        ("session_replayed", "holdfast_session_refreshes_total", "session_replayed", ""),
    ],
)
def test_trace_is_what_an_operator_finds(slug: str, metric: str, event: str, path: str) -> None:
    """Each kind of cause is counted, logged and remembered in a place of its own."""
    trace = trace_of(CODES[slug])

    assert metric in trace.metrics
    assert event in trace.events
    assert (path in trace.paths) if path else (trace.paths == ())


@pytest.mark.parametrize("slug", ["dns_not_found", "unsubscribed_by_client", "not_ready", "offline"])
def test_trace_is_empty_where_nothing_is_left(slug: str) -> None:
    """What never reached the gateway, or is only answered, has no traces."""
    assert trace_of(CODES[slug]) == Trace()
