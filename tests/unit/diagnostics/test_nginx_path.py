from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.diagnostics.nginx_path import nginx_of
from tests.unit.diagnostics.way import GATEWAY, GOOD, HEADERS, nginx, server, terms

TESTED = Path(__file__).parents[2] / "proxies" / "nginx.conf"
EXAMPLE = Path(__file__).parents[3] / "examples" / "balancers" / "nginx.conf"
PASS = "proxy_pass http://127.0.0.1:8000;"


def checks(text: str, **settings: object) -> dict[str, str]:
    """Return the severities by check."""
    return {one.check: one.severity for one in nginx(text, terms(**settings))}


def test_tested_configuration_passes() -> None:
    """What docs/reverse-proxies.md shows has no finding."""
    [finding] = nginx_of(TESTED, GATEWAY, cores=2)

    assert (finding.check, finding.severity) == ("nginx", "ok")


def test_configuration_before_several_instances_passes() -> None:
    """What docs/scaling.md shows has no finding."""
    assert [(one.check, one.severity) for one in nginx_of(EXAMPLE, GATEWAY, cores=2)] == [("nginx", "ok")]


def test_tested_configuration_fails_with_rare_pings() -> None:
    """The same file does not suit a gateway that pings more rarely than nginx waits."""
    found = nginx_of(TESTED, terms(client={"ping_interval": 60}), cores=2)

    assert {(one.check, one.severity) for one in found} == {("proxy_idle_cut", "critical")}
    assert "nginx's default" in found[0].evidence


@pytest.mark.parametrize(
    ("location", "severity"),
    [
        (f"{PASS} proxy_http_version 1.1;", "critical"),
        (f"{PASS} {HEADERS}", "warning"),
        (f"{PASS} proxy_http_version 1.0; {HEADERS}", "critical"),
        (f'{PASS} proxy_http_version 1.1; {HEADERS} proxy_set_header Connection "";', "critical"),
        (f"{PASS} proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;", "critical"),
    ],
)
def test_stripped_upgrade_is_found(location: str, severity: str) -> None:
    """Each of the three lines that an upgrade needs is missed."""
    assert checks(server(location))["upgrade_stripped"] == severity


def test_headers_of_the_server_are_hidden_by_the_location() -> None:
    """As nginx does it, one `proxy_set_header` in a location replaces all of those around it."""
    around = f"server {{ {HEADERS} proxy_http_version 1.1; location / {{ {PASS} %s }} }}"
    assert checks(around % "") == {"nginx": "ok"}
    found = nginx(around % "proxy_set_header X-Mine 1;")

    assert "hide those outside" in found[0].evidence


@pytest.mark.parametrize(
    ("mapped", "is_fine"),
    [("default upgrade; '' close;", True), ("default close;", False), ("default keep-alive;", False)],
)
def test_connection_by_a_map_is_looked_up(mapped: str, is_fine: bool) -> None:
    """A variable counts by what its map says; without one it is believed."""
    text = server(
        f"{PASS} proxy_http_version 1.1; proxy_set_header Host $host;"
        "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $up;",
        f"map $http_upgrade $up {{ {mapped} }}",
    )

    assert ("upgrade_stripped" not in checks(text)) is is_fine


@pytest.mark.parametrize(
    ("timeout", "severity"), [("25s", "critical"), ("30s", "warning"), ("33s", None), ("1h", None), ("$t", None)]
)
def test_read_timeout_is_compared_with_pings(timeout: str, severity: str | None) -> None:
    """Below the ping interval all quiet clients are cut, below ping and pong some may be."""
    assert checks(server(f"{GOOD} proxy_read_timeout {timeout};")).get("proxy_idle_cut") == severity


def test_read_timeout_of_http_counts_and_is_overridden() -> None:
    """The innermost setting is the one that holds."""
    http = "http {{ proxy_read_timeout 10s; server {{ location / {{ {} {} }} }} }}"

    assert any(one.check == "proxy_idle_cut" for one in nginx(http.format(GOOD, "")))
    assert [one.check for one in nginx(http.format(GOOD, "proxy_read_timeout 1h;"))] == ["nginx"]


def test_read_timeout_is_compared_with_polls() -> None:
    """A poll that says nothing for as long as nginx waits ends in a 504."""
    text = f"server {{ location / {{ {GOOD} }} location /connection/poll {{ {PASS} proxy_read_timeout %s; }} }}"

    assert checks(text % "20s") == {"poll_cut": "critical"}
    assert checks(text % "26s") == {"poll_cut": "warning"}
    assert checks(text % "20s", poll={"enabled": False}) == {"nginx": "ok"}


def test_buffered_streams_are_found() -> None:
    """Buffering is fine as long as the gateway may ask for none."""
    ignored = f"{GOOD} proxy_ignore_headers X-Accel-Buffering Expires;"

    assert checks(server(ignored)) == {"stream_buffered": "critical"}
    assert checks(server(f"{ignored} proxy_buffering off;")) == {"nginx": "ok"}
    assert checks(server(ignored), sse={"enabled": False}, http_stream={"enabled": False}) == {"nginx": "ok"}


def test_lost_host_is_found_where_it_matters() -> None:
    """Without Host, pages of the same host are refused, unless origins are named."""
    location = f"{PASS} proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;"
    text = server(f"{location} proxy_set_header Connection upgrade;")

    assert checks(text) == {"origin_not_allowed": "warning"}
    assert checks(text, client={"allowed_origins": ["https://app.example.com"]}) == {"nginx": "ok"}


@pytest.mark.parametrize(
    ("main", "cores", "is_narrow"),
    [
        ("events { worker_connections 768; } worker_processes auto;", 2, True),
        ("events { worker_connections 768; } worker_processes auto;", 64, False),
        ("events {}", 64, True),
        ("events { worker_connections 65535; }", 1, False),
    ],
)
def test_worker_connections_are_counted(main: str, cores: int, is_narrow: bool) -> None:
    """Each client takes two of them; only the main file says how many there are."""
    found = nginx(f"{main} http {{ {server(GOOD)} }}", cores=cores)

    assert ([one.check for one in found] == ["nginx_worker_connections"]) is is_narrow


def test_gateway_is_found_by_its_port_among_many() -> None:
    """Servers of other applications are not judged."""
    other = server("proxy_pass http://127.0.0.1:3000;")
    gateway = server(GOOD.replace("127.0.0.1:8000", "gw"))
    upstream = f"upstream gw {{ server 10.0.0.1:8000; server 10.0.0.2:8000; }} {gateway}"

    assert [one.check for one in nginx(f"{other} {upstream}")] == ["nginx"]


def test_gateway_is_found_by_its_path() -> None:
    """Behind another port, the path tells."""
    other = server("proxy_pass http://a:3000;")
    text = f"{other} server {{ location /connection/websocket {{ proxy_pass http://b:80; }} }}"

    assert checks(text)["upgrade_stripped"] == "critical"


def test_gateway_under_another_path_is_judged() -> None:
    """A location that maps another path to the gateway is the WebSocket's."""
    found = nginx(
        f"server {{ location / {{ root /www; }} location /rt/ {{ {PASS.replace('8000', '8000/connection/')} }} }}"
    )

    assert {one.check for one in found} >= {"upgrade_stripped"}


@pytest.mark.parametrize(
    "text", ["", server("proxy_pass http://a:1;") + server("proxy_pass http://b:2;"), server("root /www;"), "garbage"]
)
def test_files_of_something_else_are_unknown(text: str) -> None:
    """Where nothing leads to the gateway, nothing is judged."""
    assert "unknown" in {one.severity for one in nginx(text)}
    assert {one.severity for one in nginx(text)} <= {"unknown"}


@pytest.mark.parametrize(
    "location", [f"location /api {{ {PASS} }}", f"location /api/ {{ {PASS.replace('8000', '8000/api/')} }}"]
)
def test_server_of_the_api_alone_is_not_judged(location: str) -> None:
    """Where only the server API is passed on, nobody connects."""
    assert [one.check for one in nginx(f"server {{ {location} }}")] == ["nginx_not_on_the_way"]


@given(st.text(st.sampled_from("serverlocation/proxy_pass;{} http:8000'\"\n$~^[("), max_size=200))
def test_any_text_has_findings(text: str) -> None:
    """Whatever stands in a file, there is a finding and no crash."""
    assert nginx(text + server(GOOD))
