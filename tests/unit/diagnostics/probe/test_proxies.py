"""Tests of holdfast.diagnostics.probe.proxies."""

from __future__ import annotations

import pytest

from holdfast.diagnostics.probe.proxies import (
    ANSWER_MARKS,
    REQUEST_MARKS,
    UNNAMED,
    joined,
    proxies_in_answer,
    proxies_in_request,
)

NGINX_502 = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
)
HAPROXY_503 = (
    b"<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"
)


@pytest.mark.parametrize(
    ("headers", "body", "names"),
    [
        ([("server", "nginx/1.22.1")], b"", ["nginx"]),
        ([], NGINX_502, ["nginx"]),
        ([], HAPROXY_503, ["HAProxy"]),
        ([("set-cookie", "SERVERID=one; path=/")], b"", ["HAProxy"]),
        ([("server", "cloudflare"), ("cf-ray", "8f")], b"", ["Cloudflare"]),
        ([("server", "envoy")], b"no healthy upstream", ["Envoy"]),
        ([("x-envoy-upstream-service-time", "3")], b"", ["Envoy"]),
        ([("server", "awselb/2.0")], b"", ["AWS load balancer"]),
        ([("set-cookie", "AWSALB=x")], b"", ["AWS load balancer"]),
        ([("x-cache", "Miss from cloudfront"), ("server", "nginx")], b"", ["nginx", "Amazon CloudFront"]),
        ([("via", "1.1 varnish")], b"", ["Varnish"]),
        ([("via", "1.1 google")], b"", ["Google Cloud load balancer"]),
        ([("via", "1.1 Caddy")], b"", ["Caddy"]),
        ([("via", "1.1 somebody")], b"", [UNNAMED]),
        ([("server", "uvicorn"), ("set-cookie", "sid=1")], b"<html>nginx is nice</html>", []),
        ([], b"", []),
    ],
)
def test_answer_gives_its_proxies_away(headers: list[tuple[str, str]], body: bytes, names: list[str]) -> None:
    """By headers, cookies and the pages that they serve themselves."""
    assert sorted(proxies_in_answer(headers, body)) == sorted(names)


@pytest.mark.parametrize(
    ("seen", "names"),
    [
        ({"X-Amzn-Trace-Id": "Root=1"}, ["AWS load balancer"]),
        ({"cf-ray": "8f", "x-forwarded-for": "192.0.2.1"}, ["Cloudflare"]),
        ({"x-forwarded-for": "192.0.2.1"}, [UNNAMED]),
        ({"host": "a.test"}, []),
    ],
)
def test_request_gives_its_proxies_away(seen: dict[str, str], names: list[str]) -> None:
    """By what the gateway saw of it."""
    assert proxies_in_request(seen) == names


def test_unnamed_proxy_gives_way_to_named_ones() -> None:
    """Each name once."""
    assert joined([UNNAMED], ["nginx"], ["nginx"]) == ["nginx"]
    assert joined([UNNAMED], []) == [UNNAMED]
    assert joined() == []


def test_every_mark_has_a_source() -> None:
    """What is recognised can be looked up."""
    assert all(mark.source for mark in (*ANSWER_MARKS, *REQUEST_MARKS))


def test_long_bodies_cost_nothing() -> None:
    """Only the beginning is looked at, by patterns without backtracking to speak of."""
    assert proxies_in_answer([], b"<html><body><h1>503 " + b"a" * 250_000) == []
