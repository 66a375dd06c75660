"""Combinations that cannot work are named with their keys."""

from typing import Any

import pytest

from holdfast.settings import Settings
from holdfast.settings_checks import check_combinations

HISTORY = {"history_size": 10, "history_ttl": 60}
CACHE_KEYS = tuple(
    f"channel.without_namespace.{name}" for name in ("auto_cache_recover", "force_recovery", "force_recovery_mode")
)
BACKEND = {"enabled": True, "endpoint": "http://127.0.0.1:3000/connect"}
BAD: list[tuple[dict[str, Any], tuple[str, ...], str]] = [
    ({"token": {"cookie": "session"}}, ("token.cookie", "client.allowed_origins"), "saw none"),
    (
        {"token": {"cookie": "session"}, "client": {"allowed_origins": ("https://*", "https://a.example")}},
        ("token.cookie", "client.allowed_origins"),
        "saw https://*",
    ),
    (
        {
            "token": {"cookie": "session"},
            "client": {"allowed_origins": ("https://*.*", "http://*:*", "*://**", "null")},
        },
        ("token.cookie", "client.allowed_origins"),
        "saw *://**, http://*:*, https://*.*, null;",
    ),
    (
        {"client": {"allowed_origins": ("*",), "proxy": {"connect": {**BACKEND, "http_headers": ("Cookie",)}}}},
        ("client.proxy.connect.http_headers", "client.allowed_origins"),
        "saw *;",
    ),
    ({"log": {"client_token_secret": "short"}}, ("log.client_token_secret",), "at least 32 bytes, saw 5"),
    (
        {"log": {"client_line_burst": 9}},
        ("log.client_max_lines", "log.client_line_burst"),
        "saw 100 lines in one",
    ),
    ({"tls": {"cert_file": "/c"}}, ("tls.cert_file", "tls.key_file"), "saw no tls.key_file"),
    ({"tls": {"key_file": "/k"}}, ("tls.cert_file", "tls.key_file"), "saw no tls.cert_file"),
    (
        {"monitor": {"memory": {"warning": 0.95}}},
        ("monitor.memory.warning", "monitor.memory.critical"),
        "saw 0.95 and 0.9",
    ),
    (
        {"monitor": {"loop_lag": {"critical": 0.05}}},
        ("monitor.loop_lag.warning", "monitor.loop_lag.critical"),
        "saw 0.1 and 0.05",
    ),
    (
        {"admission": {"max_connections": 10, "max_connections_per_address": 11}},
        ("admission.max_connections_per_address", "admission.max_connections"),
        "saw 11 over 10",
    ),
    ({"internal_port": 8000}, ("internal_port", "port"), "saw 8000 twice"),
    ({"internal_host": "0.0.0.0"}, ("internal_host", "internal_port"), "saw none"),
    ({"client": {"pong_timeout": 25}}, ("client.pong_timeout", "client.ping_interval"), "25 s and 25 s"),
    ({"broker": {"presence_ttl": 27}}, ("client.presence_update_interval", "broker.presence_ttl"), "27 s"),
    (
        {"token": {"jwks": {"min_interval": 100, "refresh_interval": 50}}},
        ("token.jwks.min_interval", "token.jwks.refresh_interval"),
        "saw 100 and 50",
    ),
    (
        {"shutdown": {"propagation_wait": 60, "drain_window": 540}},
        ("shutdown.propagation_wait", "shutdown.drain_window", "shutdown.timeout"),
        "saw 610",
    ),
    (
        {"websocket": {"write_high_water": 200_000}, "client": {"queue_max_size": 100_000}},
        ("websocket.write_high_water", "client.queue_max_size"),
        "saw 200000 over 100000",
    ),
    ({"http": {"max_url_bytes": 70_000}}, ("http.max_url_bytes", "http.max_header_bytes"), "saw 70000"),
    ({"websocket": {"max_message_bytes": 4096}}, ("token.max_bytes", "websocket.max_message_bytes"), "saw 8192"),
    ({"poll": {"max_body_bytes": 4096}}, ("token.max_bytes", "poll.max_body_bytes"), "saw 8192 over 4096"),
    ({"poll": {"idle_timeout": 25}}, ("poll.idle_timeout", "poll.timeout"), "saw 25 s beside 25 s"),
    (
        {"http_stream": {"max_request_body_size": 4096}, "sse": {"enabled": False, "max_request_body_size": 4096}},
        ("token.max_bytes", "http_stream.max_request_body_size"),
        "saw 8192",
    ),
    ({"sse": {"max_request_body_size": 4096}}, ("token.max_bytes", "sse.max_request_body_size"), "saw 8192"),
    (
        {"emulation": {"max_request_body_size": 4096}},
        ("token.max_bytes", "emulation.max_request_body_size"),
        "saw 8192",
    ),
    ({"token": {"public_keys": ({},)}}, ("token.public_keys[0].pem", "token.public_keys[0].file"), "saw neither"),
    (
        {"token": {"public_keys": ({"pem": "x", "file": "/x"},)}},
        ("token.public_keys[0].pem", "token.public_keys[0].file"),
        "saw both",
    ),
    ({"token": {"previous_keys": ({"secret": ""},)}}, ("token.previous_keys[0].secret",), "saw an empty text"),
    (
        {"token": {"hmac_secret": "geheim", "hmac_algorithms": ()}},
        ("token.hmac_secret", "token.hmac_algorithms"),
        "saw none",
    ),
    (
        {"token": {"subscription": {"public_keys": ({},)}}},
        ("token.subscription.public_keys[0].pem", "token.subscription.public_keys[0].file"),
        "saw neither",
    ),
    (
        {"channel": {"namespace_boundary": "#"}},
        ("channel.namespace_boundary", "channel.user_boundary"),
        "saw # for each",
    ),
    ({"channel": {"namespaces": ({"name": "aa"}, {"name": "aa"})}}, ("channel.namespaces",), "saw aa 2 times"),
    (
        {"channel": {"without_namespace": {"history_size": 10}}},
        ("channel.without_namespace.history_size", "channel.without_namespace.history_ttl"),
        "saw 10 and 0 s",
    ),
    (
        {"channel": {"namespaces": ({"name": "news", "history_ttl": 60},)}},
        ("channel.namespaces[0].history_size", "channel.namespaces[0].history_ttl"),
        "(namespace news)",
    ),
    (
        {"channel": {"namespaces": ({"name": "news", "force_recovery": True},)}},
        (
            "channel.namespaces[0].force_recovery",
            "channel.namespaces[0].history_size",
            "channel.namespaces[0].history_ttl",
        ),
        "expected history to recover from",
    ),
    (
        {"channel": {"without_namespace": {"allow_recovery": True}}},
        (
            "channel.without_namespace.allow_recovery",
            "channel.without_namespace.history_size",
            "channel.without_namespace.history_ttl",
        ),
        "expected history to recover from",
    ),
    (
        {"channel": {"without_namespace": {**HISTORY, "history_meta_ttl": 30}}},
        ("channel.without_namespace.history_meta_ttl", "channel.without_namespace.history_ttl"),
        "saw 30 s under 60 s",
    ),
    (
        {"channel": {"without_namespace": HISTORY, "history_meta_ttl": 30}},
        ("channel.without_namespace.history_meta_ttl", "channel.without_namespace.history_ttl"),
        "saw 30 s under 60 s",
    ),
    (
        {"channel": {"without_namespace": {"force_push_join_leave": True}}},
        ("channel.without_namespace.force_push_join_leave", "channel.without_namespace.join_leave"),
        "saw it off",
    ),
    (
        {"channel": {"without_namespace": {**HISTORY, "force_recovery": True, "auto_cache_recover": True}}},
        CACHE_KEYS,
        "saw it in stream",
    ),
    (
        {"channel": {"without_namespace": {"force_recovery_mode": "cache", "auto_cache_recover": True}}},
        CACHE_KEYS,
        "saw it off",
    ),
]
GOOD: list[dict[str, Any]] = [
    {},
    {"token": {"cookie": "session"}, "client": {"allowed_origins": ("https://app.example",)}},
    {"client": {"allowed_origins": ("*",)}},
    {"client": {"allowed_origins": ("*",), "proxy": {"connect": {**BACKEND, "http_headers": ("X-Id",)}}}},
    {
        "client": {
            "allowed_origins": ("https://*.a.example",),
            "proxy": {"connect": {**BACKEND, "http_headers": ("Cookie",)}},
        }
    },
    {"token": {"cookie": "session"}, "client": {"allowed_origins": ("https://*.a.example", "http://[::1]:*")}},
    {"tls": {"cert_file": "/c", "key_file": "/k"}},
    {"internal_port": 9000, "internal_host": "0.0.0.0"},
    {"internal_port": 8000, "internal_host": "10.0.0.1"},
    {"port": 0, "internal_port": 0},
    {"channel": {"without_namespace": {**HISTORY, "force_recovery": True, "history_meta_ttl": 60}}},
    {"channel": {"private_prefix": ""}},
    {"token": {"public_keys": ({"pem": "x"}, {"file": "/x"}), "previous_keys": ({"secret": "geheim"},)}},
    {"channel": {"without_namespace": {"join_leave": True, "force_push_join_leave": True}}},
    {
        "channel": {
            "without_namespace": {
                **HISTORY,
                "force_recovery": True,
                "force_recovery_mode": "cache",
                "auto_cache_recover": True,
            }
        }
    },
]


@pytest.mark.parametrize(("data", "keys", "words"), BAD, ids=lambda value: value[0] if isinstance(value, tuple) else "")
def test_combination_that_cannot_work_is_named(data: dict[str, Any], keys: tuple[str, ...], words: str) -> None:
    """One fault, with the keys it is about and what was seen."""
    faults = check_combinations(Settings.model_validate(data))

    assert [fault.keys for fault in faults] == [keys]
    assert words in faults[0].text
    assert "geheim" not in faults[0].text


@pytest.mark.parametrize("data", GOOD)
def test_combination_that_works_passes(data: dict[str, Any]) -> None:
    """What can work is not refused."""
    assert check_combinations(Settings.model_validate(data)) == []


def test_polls_that_are_off_limit_nothing():
    """What cannot carry a token because it is switched off is no fault."""
    assert not check_combinations(Settings.model_validate({"poll": {"enabled": False, "max_body_bytes": 4096}}))
