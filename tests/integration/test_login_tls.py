"""The login as browsers reach it: through a real HAProxy that ends TLS, on its own and beside other hosts."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import proxies
from tests.certificates import write_certificate
from tests.gateway import Gateway
from tests.integration.test_login import JSON, PASSWORD, add_user, settings, slug
from tests.parts import require

# What a user adds to haproxy.cfg: TLS, and the word of it.
BIND = "    bind 127.0.0.1:8080"
TARGET = "    default_backend gateways"


@dataclass
class Site:
    """A gateway, and how a browser reaches it."""

    gateway: Gateway
    url: str
    trust: ssl.SSLContext

    def browser(self, **headers: str) -> httpx.Client:
        """Return what keeps cookies as a browser does: by host, path and `Secure`."""
        own = {**JSON, "origin": self.url, "sec-fetch-site": "same-origin", **headers}
        return httpx.Client(
            base_url=self.url, verify=self.trust, trust_env=False, timeout=60, headers=own, cookies=CookieJar()
        )


@pytest.fixture
def site(start_gateway: Callable[..., Gateway], tmp_path: Path) -> Iterator[Site]:
    """A gateway behind HAProxy with TLS, which is one of its trusted proxies."""
    require("haproxy")
    cert, key = write_certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    given: dict[str, Any] = settings(insecure_loopback=True)
    given["http"] = {"trusted_proxies": ["127.0.0.1"]}
    gateway = start_gateway(given)
    folder = tmp_path / "proxy"
    folder.mkdir()
    port = proxies.free_port()
    text = proxies.configuration("haproxy", port, gateway.port)
    bind = BIND.replace("8080", str(port))
    assert bind in text
    text = text.replace(bind, f"{bind} ssl crt {both}")
    assert TARGET in text
    text = text.replace(TARGET, f"    http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}\n{TARGET}")
    proxy = proxies.launch("haproxy", text, port, folder)
    try:
        yield Site(gateway, f"https://127.0.0.1:{port}", ssl.create_default_context(cafile=str(cert)))
    finally:
        proxy.stop()


def test_browser_logs_in_over_tls(site: Site) -> None:
    """With cookies that TLS and the host alone carry, each to its path, although the last hop is plain loopback."""
    user = add_user(site.gateway, "ada")
    with site.browser() as browser:
        answer = browser.post("/auth/login", json={"username": user, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        lines = {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}
        names = {"__Secure-holdfast_refresh": "/auth", "__Secure-holdfast_device": "/auth"}
        paths = {**names, "__Host-holdfast_session": "/"}
        assert {name: line.partition("Path=")[2].partition(";")[0] for name, line in lines.items()} == paths
        assert all(line.endswith("; HttpOnly; Secure; SameSite=Strict") for line in lines.values())
        assert not any("Domain" in line for line in lines.values())

        before = browser.cookies.get("__Secure-holdfast_refresh")
        assert browser.post("/auth/refresh").status_code == 200
        assert browser.cookies.get("__Secure-holdfast_refresh") != before
        assert browser.get("/auth/session").json()["user"]["name"] == "ada"
        sent = browser.build_request("GET", f"{site.url}/connection/explain").headers["cookie"]
        assert ("refresh" in sent, "device" in sent) == (False, False)
        assert browser.post("/auth/logout", json={}).status_code == 204
        assert slug(browser.post("/auth/refresh")) == "session_missing"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://127.0.0.1:{port}"}, 403),
        ({"origin": "https://127.0.0.1"}, 403),
        ({"origin": "https://127.0.0.1:1{port}"}, 403),
        ({"origin": "https://localhost:{port}"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "SAME-ORIGIN"}, 403),
        ({}, 200),
    ],
)
def test_origins_over_tls(site: Site, headers: dict[str, str], status: int) -> None:
    """Scheme, name and port have to be the site's own, whatever else fits."""
    user, port = add_user(site.gateway, "ada"), site.url.rpartition(":")[2]
    given = {name: value.format(port=port) for name, value in headers.items()}
    if "origin" in given:  # as of a browser that does not send the other one
        given["sec-fetch-site"] = "same-origin"
    with site.browser(**given) as browser:
        answer = browser.post("/auth/login", json={"username": user, "password": PASSWORD})

    assert answer.status_code == status, answer.text


def test_cookie_of_a_sibling_host_is_no_session(site: Site) -> None:
    """A host of the same domain gives the browser its own refresh token, with a path that goes first."""
    victim, attacker = add_user(site.gateway, "victim"), add_user(site.gateway, "attacker")
    with site.browser() as theirs, site.browser() as ours:
        for browser, user in ((theirs, attacker), (ours, victim)):
            assert browser.post("/auth/login", json={"username": user, "password": PASSWORD}).status_code == 200
        tossed = f"__Secure-holdfast_refresh={theirs.cookies['__Secure-holdfast_refresh']}"
        request = ours.build_request("POST", "/auth/refresh")
        request.headers["cookie"] = f"{tossed}; {request.headers['cookie']}"
        answer = ours.send(request)
        with site.browser() as fresh:
            fixed = fresh.post("/auth/refresh", headers={"cookie": tossed})

    assert answer.json()["user"]["id"] == "victim"
    assert slug(fixed) == "session_missing"
