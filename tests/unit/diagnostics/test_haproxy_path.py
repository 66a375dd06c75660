from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.diagnostics.haproxy_file import read_haproxy
from holdfast.diagnostics.haproxy_path import haproxy_of, ways_to_gateway
from tests.unit.diagnostics.way import GATEWAY, haproxy, loaded, terms

TESTED = Path(__file__).parents[2] / "proxies" / "haproxy.cfg"
EXAMPLE = Path(__file__).parents[3] / "examples" / "balancers" / "haproxy.cfg"
USUAL = "timeout client 60s\n timeout server 60s\n"


def config(defaults: str = USUAL, backend: str = "", frontend: str = "", head: str = "") -> str:
    """Return a configuration with one way to the gateway."""
    return (
        f"{head}\ndefaults\n mode http\n {defaults}\nfrontend f\n bind :80\n {frontend}\n default_backend b\n"
        f"backend b\n {backend}\n server s 127.0.0.1:8000 check\n"
    )


def checks(text: str, **settings: object) -> dict[str, str]:
    """Return the severities by check."""
    return {one.check: one.severity for one in haproxy(text, terms(**settings))}


def test_tested_configuration_passes() -> None:
    """What docs/reverse-proxies.md shows has no finding."""
    assert [(one.check, one.severity) for one in haproxy_of(TESTED, GATEWAY)] == [("haproxy", "ok")]


def test_configuration_before_several_instances_passes() -> None:
    """What docs/scaling.md shows has no finding."""
    assert [(one.check, one.severity) for one in haproxy_of(EXAMPLE, GATEWAY)] == [("haproxy", "ok")]


def test_tested_configuration_fails_with_rare_pings() -> None:
    """The same file does not suit a gateway that pings more rarely than HAProxy waits."""
    assert {one.check for one in haproxy_of(TESTED, terms(client={"ping_interval": 90}))} == {"proxy_idle_cut"}


@pytest.mark.parametrize(
    ("defaults", "severity"),
    [
        ("timeout tunnel 3s\n" + USUAL, "critical"),
        ("timeout tunnel 30s\n" + USUAL, "warning"),
        ("timeout tunnel 1h\n" + USUAL, None),
        ("timeout client 20s\n timeout server 60s", "critical"),
        ("timeout client 60s\n timeout server 25000", "critical"),
        ("", None),
    ],
)
def test_idle_limits_are_compared_with_pings(defaults: str, severity: str | None) -> None:
    """The tunnel's timeout counts for WebSockets, those of client and server where there is none."""
    assert checks(config(defaults)).get("proxy_idle_cut") == severity


def test_tunnel_does_not_help_streams() -> None:
    """Streams are not upgraded, so client and server timeouts hold for them."""
    text = config("timeout tunnel 1h\n timeout client 20s\n timeout server 60s")

    assert "stream" in next(one.summary for one in haproxy(text))
    assert checks(text, sse={"enabled": False}, http_stream={"enabled": False}) == {"haproxy": "ok"}


def test_backend_wins_over_defaults() -> None:
    """The section's own timeout is the one that holds."""
    assert checks(config("timeout tunnel 5s\n" + USUAL, backend="timeout tunnel 1h")) == {"haproxy": "ok"}


def test_server_timeout_is_compared_with_polls() -> None:
    """A poll that says nothing for as long as HAProxy waits ends in a 504."""
    settings = {"sse": {"enabled": False}, "http_stream": {"enabled": False}, "poll": {"timeout": 50}}
    text = config("timeout tunnel 1h\n timeout client 60s\n timeout server 50s")

    assert checks(text, **settings) == {"poll_cut": "critical"}


@pytest.mark.parametrize(
    "given",
    [
        {"head": "global\n maxconn 2000"},
        {"frontend": "maxconn 2000"},
        {"defaults": USUAL + " maxconn 2000"},
        {"backend": "server t 127.0.0.2:8000 maxconn 500\n server u 127.0.0.3:8000 maxconn 2000\n #"},
    ],
)
def test_narrow_limits_are_found(given: dict[str, str]) -> None:
    """Fewer connections than the gateway takes are told, wherever the limit stands."""
    text = config(**given)
    if "backend" in given:
        text = text.replace("server s 127.0.0.1:8000 check", "")

    assert checks(text) == {"haproxy_maxconn": "warning"}


def test_rule_that_takes_the_upgrade_is_found() -> None:
    """HAProxy passes upgrades on unless it is told not to."""
    assert checks(config(frontend="http-request del-header Upgrade")) == {"upgrade_stripped": "critical"}


def test_odd_times_are_told() -> None:
    """A variable in a timeout cannot be judged, and that is said."""
    assert checks(config("timeout client ${T}\n timeout server 60s")) == {"haproxy_unreadable": "unknown"}


def test_listen_is_both_sides() -> None:
    """A `listen` section has both timeouts."""
    text = "listen l\n bind :80\n timeout client 10s\n timeout server 60s\n server s 10.0.0.1:8000\n"

    assert checks(text) == {"proxy_idle_cut": "critical"}


@pytest.mark.parametrize(
    "frontend",
    [
        "acl ws path_beg /connection\n use_backend gw if ws\n default_backend web",
        "use_backend gw if { path_beg /connection/websocket }\n default_backend web",
    ],
)
def test_gateway_is_found_by_its_path(frontend: str) -> None:
    """Behind other ports, the rules of the frontend tell."""
    text = f"frontend f\n {frontend}\nbackend web\n server a 1.1.1.1:80\nbackend gw\n server b 1.1.1.2:80\n"

    assert [way.backend.name for way in ways_to_gateway(read_haproxy(loaded(text)), GATEWAY)] == ["gw"]


def test_gateway_is_found_by_the_port_of_a_template() -> None:
    """Servers may be made of a template."""
    text = "backend a\n server-template gw 1-3 gateways.local:8000 check\nbackend b\n server x 1.1.1.1:80\n"

    assert [way.backend.name for way in ways_to_gateway(read_haproxy(loaded(text)), GATEWAY)] == ["a"]


@pytest.mark.parametrize(
    "text", ["", "global\n daemon", "backend a\n server a 1.1.1.1:1\nbackend b\n server b 1.1.1.1:2"]
)
def test_files_of_something_else_are_unknown(text: str) -> None:
    """Where nothing leads to the gateway, nothing is judged."""
    assert checks(text) == {"haproxy_not_on_the_way": "unknown"}


@given(st.text(st.sampled_from("timeout client server backend 8000:\n#'\"\\"), max_size=200))
def test_any_text_has_findings(text: str) -> None:
    """Whatever stands in a file, there is a finding and no crash."""
    assert haproxy(config() + text)
