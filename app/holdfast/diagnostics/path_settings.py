"""The gateway's own settings, compared with what was seen of the way to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from holdfast.connections.records import RefusedAttempt
from holdfast.connections.sightings import Sighting
from holdfast.diagnostics.findings import Finding
from holdfast.diagnostics.idle_limits import COMMON_IDLE_SECONDS, Limit, smallest_of
from holdfast.diagnostics.path_checks import Timeout, idle_finding
from holdfast.diagnostics.terms import Terms

FEWEST_SEEN: Final = 5
"""Handshakes that must have been seen before their addresses say anything."""

_NEARLY_ALL: Final = 0.9
# Besides connections: listeners, the log, files, calls to the user's backend.
_OTHER_DESCRIPTORS: Final = 256
_MOST_ORIGINS: Final = 5


def products_seen(sightings: Sequence[Sighting]) -> frozenset[str]:
    """Return the products on the way that left their mark."""
    return frozenset(product for one in sightings for product in one.proxies)


def setting_findings(
    terms: Terms, sightings: Sequence[Sighting], refused: Sequence[RefusedAttempt], descriptors: int
) -> list[Finding]:
    """Return what does not fit."""
    return [
        _ping(terms, sightings),
        *_trusted_proxies(terms, sightings),
        *_origins(refused),
        *_descriptors(terms, descriptors),
    ]


def _ping(terms: Terms, sightings: Sequence[Sighting]) -> Finding:
    """Compare pings with the limits of proxies that are known to be there, or of those that most people use."""
    limit = smallest_of(products_seen(sightings))
    if limit is None and any(one.is_forwarded for one in sightings):
        limit = Limit(COMMON_IDLE_SECONDS, "common proxies", "idle timeout", "")
    if limit is not None:
        timeout = Timeout(limit.seconds, limit.setting.strip("`"), f"the default of {limit.product}", "connection")
        if (found := idle_finding(timeout, terms)) is not None:
            # The default may have been raised: what ends connections, the records tell.
            text = f"Pings are too rare for the default idle limit of {limit.product}."
            return Finding("ping_interval", "warning", text, found.evidence, found.remedy)
    evidence = f"every {terms.ping_interval:g} s; {COMMON_IDLE_SECONDS:g} s is the shortest of the common limits"
    return Finding("ping_interval", "ok", "Pings are frequent enough for what is known of the way.", evidence)


def _trusted_proxies(terms: Terms, sightings: Sequence[Sighting]) -> list[Finding]:
    # A client on the proxy's own machine has the proxy's address, which looks as if the header were believed.
    hidden = [one for one in sightings if one.is_forwarded and not (one.is_believed and terms.has_trusted_proxies)]
    addresses = Counter(one.address for one in hidden)
    if len(sightings) < FEWEST_SEEN or len(hidden) < _NEARLY_ALL * len(sightings):
        return []
    if not all(map(_is_private, addresses)) and len(addresses) * FEWEST_SEEN > len(hidden):
        return []  # many addresses of the internet: clients that send the header themselves
    listed = ", ".join(address for address, _ in addresses.most_common(3))
    consequence = (
        "so the limit per address holds for all clients together" if terms.limits_addresses else "in logs and limits"
    )
    return [
        Finding(
            "trusted_proxies",
            "critical" if terms.limits_addresses else "warning",
            f"Every client has the address of the proxy before the gateway, {consequence}.",
            f"{len(hidden)} of {len(sightings)} handshakes came from {listed} with an X-Forwarded-For that is not "
            "believed",
            f"Add {listed} to `http.trusted_proxies`, if these are proxies of yours.",
        )
    ]


def _origins(refused: Sequence[RefusedAttempt]) -> list[Finding]:
    origins = Counter(
        one.seen.get("origin", "") or "(unknown)" for one in refused if one.slug == "origin_not_allowed"
    ).most_common(_MOST_ORIGINS)
    if not origins:
        return []
    listed = ", ".join(f"{origin} ({count} times)" for origin, count in origins)
    return [
        Finding(
            "allowed_origins",
            "warning",
            "Pages of other origins were refused.",
            listed,
            "Add those that are yours to `client.allowed_origins`; leave the others out.",
        )
    ]


def _descriptors(terms: Terms, descriptors: int) -> list[Finding]:
    needed = terms.max_connections + _OTHER_DESCRIPTORS
    if not descriptors or descriptors >= needed:
        return []
    return [
        Finding(
            "descriptors",
            "critical",
            "The process may open fewer files than `admission.max_connections` needs.",
            f"{descriptors} descriptors for {terms.max_connections} connections and {_OTHER_DESCRIPTORS} others",
            "Raise the limit (`LimitNOFILE`, `ulimit -n`), or lower `admission.max_connections`.",
        )
    ]


def _is_private(address: str) -> bool:
    try:
        return ip_address(address).is_private
    except ValueError:
        return False
