from __future__ import annotations

from typing import Any

import pytest

from holdfast.connections.records import RefusedAttempt
from holdfast.connections.sightings import Sighting
from holdfast.diagnostics.path_settings import FEWEST_SEEN, products_seen, setting_findings
from holdfast.diagnostics.terms import Terms
from tests.unit.diagnostics.way import GATEWAY, terms


def seen(address: str = "10.0.0.1", *proxies: str, believed: bool = False, forwarded: bool = True) -> Sighting:
    """Make a handshake that was seen."""
    return Sighting(address, forwarded, believed, proxies)


def found(
    of: Terms = GATEWAY, sightings: Any = (), refused: Any = (), descriptors: int = 20000
) -> dict[str, tuple[str, str]]:
    """Return severity and evidence by check, of what is not fine."""
    findings = setting_findings(of, sightings, refused, descriptors)
    return {one.check: (one.severity, one.evidence) for one in findings if one.severity != "ok"}


def test_settings_by_default_are_fine() -> None:
    """Nothing seen, nothing wrong; the ping interval is told all the same."""
    assert found() == {}
    assert [one.check for one in setting_findings(GATEWAY, (), (), 0)] == ["ping_interval"]


def test_pings_are_compared_with_proxies_that_were_seen() -> None:
    """A proxy that left its mark has a known default."""
    rare = terms(client={"ping_interval": 50})

    assert found(rare, [seen("192.0.2.9", "Heroku", believed=True)])["ping_interval"][0] == "warning"
    assert found(rare, [seen("192.0.2.9", "Envoy", believed=True)]) == {}


def test_pings_are_compared_with_common_proxies_behind_an_unknown_one() -> None:
    """Behind some proxy, most limits are 60 s; without any there is no limit to speak of."""
    rare = terms(client={"ping_interval": 60})

    assert "ping_interval" in found(rare, [seen(believed=True)])
    assert found(rare, [seen(forwarded=False)]) == {}


def test_missing_trusted_proxies_are_found() -> None:
    """All clients with the proxy's address: a warning, and critical where addresses are limited."""
    sightings = [seen()] * FEWEST_SEEN
    severity, evidence = found(GATEWAY, sightings)["trusted_proxies"]

    assert (severity, "10.0.0.1" in evidence) == ("warning", True)
    limited = terms(admission={"max_connections_per_address": 5})
    assert found(limited, sightings)["trusted_proxies"][0] == "critical"


@pytest.mark.parametrize(
    "sightings",
    [
        [seen()] * (FEWEST_SEEN - 1),
        [seen(forwarded=False)] * 50,
        [seen()] * 10 + [seen("198.51.100.7", forwarded=False)] * 10,
        [seen(f"8.8.{number}.8") for number in range(50)],
        [seen("no address")] * 3,
    ],
)
def test_trusted_proxies_are_fine_or_unclear(sightings: list[Sighting]) -> None:
    """Few, believed, direct or self-made headers are no reason to trust anybody."""
    assert "trusted_proxies" not in found(GATEWAY, sightings)


def test_trusted_proxies_that_are_believed_are_fine() -> None:
    """Where somebody is trusted, addresses of the header are the clients'; where nobody is, they only look like it."""
    sightings = [seen(believed=True)] * 50

    assert "trusted_proxies" not in found(terms(http={"trusted_proxies": ["10.0.0.0/8"]}), sightings)
    assert "trusted_proxies" in found(GATEWAY, sightings)


def test_trusted_proxies_may_have_public_addresses() -> None:
    """A few addresses for all clients are a proxy's, private or not."""
    assert "trusted_proxies" in found(GATEWAY, [seen("8.8.8.8")] * 50)


def test_refused_origins_are_listed() -> None:
    """The origins that were refused are what may be missing from the list."""
    refused = [
        RefusedAttempt(
            "a",
            0.0,
            "192.0.2.1",
            "websocket",
            "/",
            "origin_not_allowed",
            "origin",
            seen={"origin": "https://app.example"},
        ),
        RefusedAttempt("a", 0.0, "192.0.2.1", "websocket", "/", "origin_not_allowed", "origin"),
        RefusedAttempt("a", 0.0, "192.0.2.1", "websocket", "/", "token_expired", "token"),
    ]
    severity, evidence = found(GATEWAY, (), refused)["allowed_origins"]

    assert severity == "warning"
    assert evidence == "https://app.example (1 times), (unknown) (1 times)"


def test_descriptors_must_suffice() -> None:
    """A process that may open fewer files than connections are allowed will fail before they are reached."""
    assert found(descriptors=1024)["descriptors"][0] == "critical"
    assert "descriptors" not in found(terms(admission={"max_connections": 700}), descriptors=1024)


def test_products_are_those_of_all_sightings() -> None:
    """Each once."""
    assert products_seen([seen("a", "Envoy"), seen("b", "Envoy", "Heroku")]) == {"Envoy", "Heroku"}
