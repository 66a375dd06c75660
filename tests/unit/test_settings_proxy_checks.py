"""Proxies that cannot work are named with their keys."""

from typing import Any

import pytest

from holdfast.settings import Settings
from holdfast.settings_checks import check_combinations

URL = "http://127.0.0.1:3000/x"


def connect(**proxy: Any) -> dict[str, Any]:
    """Return settings with a connect proxy."""
    return {"client": {"proxy": {"connect": {"enabled": True, "endpoint": URL, **proxy}}}}


def transform(**fields: Any) -> dict[str, Any]:
    """Return settings with a status transform."""
    return connect(http={"status_to_code_transforms": ({"status_code": 401, **fields},)})


PLACE = "client.proxy.connect"
TRANSFORM = f"{PLACE}.http.status_to_code_transforms[0]"
BAD: list[tuple[dict[str, Any], tuple[str, ...], str]] = [
    (connect(endpoint=""), (f"{PLACE}.endpoint",), "saw none"),
    ({"client": {"proxy": {"refresh": {"enabled": True}}}}, ("client.proxy.refresh.endpoint",), "saw none"),
    (connect(timeout="30s"), (f"{PLACE}.timeout", "client.handshake_timeout"), "(30 s), which ends waiting, saw 30 s"),
    (connect(endpoint="grpc://host:9000"), (f"{PLACE}.endpoint",), "saw grpc; backends are called over HTTP only"),
    (connect(endpoint="ftp://host"), (f"{PLACE}.endpoint",), "saw ftp in it"),
    (connect(endpoint="host:3000/x"), (f"{PLACE}.endpoint",), "saw host in it"),
    (connect(endpoint="127.0.0.1/x"), (f"{PLACE}.endpoint",), "saw no scheme in it"),
    (connect(endpoint="http://"), (f"{PLACE}.endpoint",), "saw http in it"),
    (connect(endpoint="http://[::1/x"), (f"{PLACE}.endpoint",), "cannot be read"),
    (connect(http_headers=("Host",)), (f"{PLACE}.http_headers",), "saw Host, which belongs"),
    (connect(emulated_headers=("a b",)), (f"{PLACE}.emulated_headers",), "saw one that is none"),
    (connect(http={"static_headers": {"Content-Length": "1"}}), (f"{PLACE}.http.static_headers",), "Content-Length"),
    (connect(http={"static_headers": {"X": "geheim\r\nY: 1"}}), (f"{PLACE}.http.static_headers",), "value of X"),
    (transform(), (f"{TRANSFORM}.to_error.code", f"{TRANSFORM}.to_disconnect.code"), "saw neither"),
    (
        transform(to_error={"code": 400}, to_disconnect={"code": 4500}),
        (f"{TRANSFORM}.to_error.code", f"{TRANSFORM}.to_disconnect.code"),
        "saw both",
    ),
    (transform(to_error={"code": 1900}), (f"{TRANSFORM}.to_error",), "came 1900"),
    (transform(to_disconnect={"code": 4100}), (f"{TRANSFORM}.to_disconnect",), "came 4100"),
    (transform(to_disconnect={"code": 4500, "reason": "{}"}), (f"{TRANSFORM}.to_disconnect",), "came JSON"),
    (transform(status_code=200, to_error={"code": 400}), (f"{TRANSFORM}.status_code",), "other than 200"),
    (
        connect(http={"tls": {"enabled": True, "cert_pem": "/c"}}),
        (f"{PLACE}.http.tls.cert_pem", f"{PLACE}.http.tls.key_pem"),
        "saw no key_pem",
    ),
    (connect(http={"tls": {"server_name": "h"}}), (f"{PLACE}.http.tls.enabled",), "saw it off"),
    (
        {"channel": {"without_namespace": {"subscribe_proxy_enabled": True}}},
        ("channel.without_namespace.subscribe_proxy_enabled", "channel.proxy.subscribe.endpoint"),
        "saw none",
    ),
    (
        {"channel": {"namespaces": ({"name": "ns", "publish_proxy_enabled": True, "publish_proxy_name": "who"},)}},
        ("channel.namespaces[0].publish_proxy_name", "proxies"),
        "saw who",
    ),
    (
        {"rpc": {"namespaces": ({"name": "ns", "proxy_enabled": True},)}},
        ("rpc.namespaces[0].proxy_enabled", "rpc.proxy.endpoint"),
        "saw none",
    ),
    ({"rpc": {"namespaces": ({"name": "ns"}, {"name": "ns"})}}, ("rpc.namespaces",), "saw ns 2 times"),
    ({"proxies": ({"name": "one"},)}, ("proxies[0].endpoint",), "saw none"),
    (
        {"proxies": ({"name": "one", "endpoint": URL}, {"name": "one", "endpoint": URL})},
        ("proxies",),
        "saw one 2 times",
    ),
]
GOOD: list[dict[str, Any]] = [
    connect(http_headers=("Cookie", "X-Real-Ip"), http={"static_headers": {"X-Key": "geheim"}}),
    connect(endpoint="HTTPS://user:geheim@[::1]:3000/x?y=1"),
    {"client": {"proxy": {"connect": {"enabled": False}}}},
    transform(to_error={"code": 1000, "message": "no", "temporary": True}),
    transform(to_disconnect={"code": 4500, "reason": "no"}),
    {
        "proxies": ({"name": "one", "endpoint": URL},),
        "channel": {
            "namespaces": ({"name": "ns", "sub_refresh_proxy_enabled": True, "sub_refresh_proxy_name": "one"},)
        },
        "rpc": {"without_namespace": {"proxy_enabled": True, "proxy_name": "one"}},
    },
    {"channel": {"proxy": {"publish": {"endpoint": URL}}, "without_namespace": {"publish_proxy_enabled": True}}},
]


@pytest.mark.parametrize(("data", "keys", "words"), BAD)
def test_proxy_that_cannot_work_is_named(data: dict[str, Any], keys: tuple[str, ...], words: str) -> None:
    """One fault, with the keys it is about and what was seen, without secrets."""
    faults = check_combinations(Settings.model_validate(data))

    assert [fault.keys for fault in faults] == [keys]
    assert words in faults[0].text
    assert "geheim" not in faults[0].text


@pytest.mark.parametrize("data", GOOD)
def test_proxy_that_works_passes(data: dict[str, Any]) -> None:
    """What can work is not refused."""
    assert check_combinations(Settings.model_validate(data)) == []
