"""What the ends of connections tell: who ended them, how early, and whether a limit on the way does.

A proxy that ends idle connections leaves a peak at its limit: in the time since the last traffic where pings pass, and
in the lifetime where none did. A limit of age leaves its peak in the lifetime alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from holdfast.connections.records import EndedConnection
from holdfast.diagnostics.findings import Finding, Severity
from holdfast.diagnostics.idle_limits import SET_BY_HAND, Limit, LimitKind, candidates
from holdfast.diagnostics.peaks import FEWEST, Length, Peak, find_peaks

EARLY_SECONDS: Final = 10.0
FEWEST_EARLY: Final = 20
# Ended by their own wish or a plan: early or not, nobody has to do anything.
_PLANNED: Final = frozenset(
    {
        "client_closed",
        "shutdown",
        "rebalanced",
        "connection_too_old",
        "sent_away",
        "application",
        "force_disconnect",
        "force_reconnect",
    }
)
# Ends of the path as a limit makes them; one that is too slow, or writes nonsense, is another matter.
_CUT: Final = frozenset({"client_gone", "connection_cut", "write_error"})
_BANDS: Final = ((1.0, "under_1s"), (10.0, "under_10s"), (60.0, "under_1m"), (600.0, "under_10m"))
_LAST_BAND: Final = "longer"
# Below these, one person's program may be all there is to see.
_FEWEST_CLIENTS: Final = 3
# Proxies are late by tenths of a second, which say nothing of a longer limit.
_ROUND_FROM: Final = 10.0
_EARLY_RATIO: Final = 0.2
_MOST_ENDS_CRITICAL: Final = 0.5


@dataclass(frozen=True, slots=True)
class FoundLimit:
    """A peak and what it is."""

    peak: Peak
    kind: LimitKind
    clients: int
    limits: tuple[Limit, ...]


def ending_findings(ended: Sequence[EndedConnection], limits: Sequence[FoundLimit]) -> list[Finding]:
    """Return what stands out, the limits that `find_limits` found among it."""
    return [_early(ended), *_limits(len(cut_by_path(ended)), limits)]


def ending_facts(ended: Sequence[EndedConnection], limits: Sequence[FoundLimit]) -> dict[str, Any]:
    """Return counts by initiator and lifetime, by cause, and the limits found."""
    bands: dict[str, Counter[str]] = {}
    for one in ended:
        bands.setdefault(one.initiator, Counter())[_band(one.lifetime)] += 1
    return {
        "ended": len(ended),
        "by_initiator": {initiator: dict(counts) for initiator, counts in sorted(bands.items())},
        "by_slug": dict(Counter(one.slug for one in ended).most_common()),
        "limits": [_as_json(one) for one in limits],
    }


def cut_by_path(ended: Sequence[EndedConnection]) -> list[EndedConnection]:
    """Return those that ended without a close frame, where the moment of the end is the cut's own.

    What answered no ping was cut, or slept, at some moment before; its lifetime says when we noticed.
    """
    return [one for one in ended if one.initiator == "path" and one.slug in _CUT and one.transport != "poll"]


def find_limits(ended: Sequence[EndedConnection], seen: frozenset[str]) -> list[FoundLimit]:
    """Return the limits that ended connections, the clearest first.

    `seen` are the products on the way that left their mark.
    """
    cut = cut_by_path(ended)
    idle = find_peaks(Length(_quiet(one), one.ended_at) for one in cut)
    aged = find_peaks(Length(one.lifetime, one.ended_at) for one in cut)
    found: list[FoundLimit] = [_found(peak, "idle", cut, seen) for peak in idle if not _is_age(peak, aged)]
    # What is idle from the start ends at the same length in both views.
    found += [_found(peak, "age", cut, seen) for peak in aged if not _beside(peak, [one.peak for one in found])]
    return sorted(found, key=lambda one: -one.peak.count)


# Private functions


def _is_age(peak: Peak, aged: Sequence[Peak]) -> bool:
    """Tell whether more ended at this age than at this time without traffic: then traffic did not matter."""
    return any(peak.count < other.count for other in aged if _beside(peak, [other]))


def _beside(peak: Peak, others: Sequence[Peak]) -> bool:
    return any(other.holds(peak.seconds) or peak.holds(other.seconds) for other in others)


def _found(peak: Peak, kind: LimitKind, cut: Sequence[EndedConnection], seen: frozenset[str]) -> FoundLimit:
    length = _quiet if kind == "idle" else _lifetime
    clients = {(one.user, one.address) for one in cut if peak.holds(length(one))}
    return FoundLimit(peak, kind, len(clients), tuple(candidates(peak.seconds, kind, seen)))


def _quiet(one: EndedConnection) -> float:
    return one.quiet or one.lifetime


def _lifetime(one: EndedConnection) -> float:
    return one.lifetime


def _band(lifetime: float) -> str:
    return next((name for bound, name in _BANDS if lifetime < bound), _LAST_BAND)


def _early(ended: Sequence[EndedConnection]) -> Finding:
    early = [one for one in ended if one.lifetime < EARLY_SECONDS and one.slug not in _PLANNED]
    evidence = f"{len(early)} of {len(ended)} ended connections lived less than {EARLY_SECONDS:g} s"
    if len(early) < FEWEST_EARLY:
        return Finding("early_ends", "ok", "Connections do not end early.", f"{evidence}; {FEWEST_EARLY} would be many")
    if len(early) < _EARLY_RATIO * len(ended):
        return Finding("early_ends", "ok", "Few connections end early.", evidence)
    ways = Counter((one.initiator, one.slug) for one in early).most_common(3)
    listed = ", ".join(f"{count} by {initiator} ({slug})" for (initiator, slug), count in ways)
    return Finding(
        "early_ends",
        "warning",
        "Many connections end soon after they began.",
        f"{evidence}: {listed}",
        "Look the causes up in docs/errors.md; `holdfast explain USER` shows one client's way.",
    )


def _limits(ends: int, limits: Sequence[FoundLimit]) -> list[Finding]:
    if limits:
        return [_limit(one, ends) for one in limits]
    if ends < FEWEST:
        text = "Too few connections ended without a close frame to look for a limit on the way."
        return [Finding("proxy_idle_cut", "ok", text, f"{ends} of the {FEWEST} that are needed")]
    text = "No limit on the way is seen in how long connections live."
    return [Finding("proxy_idle_cut", "ok", text, f"{ends} ended without a close frame, at no common length")]


def _limit(found: FoundLimit, ends: int) -> Finding:
    peak = found.peak
    seconds = f"{peak.seconds:.0f}" if peak.seconds >= _ROUND_FROM else f"{peak.seconds:.1f}".removesuffix(".0")
    how = f"after {seconds} s without traffic" if found.kind == "idle" else f"at the age of {seconds} s"
    evidence = (
        f"{peak.count} moments of {ends} ends, {peak.expected:.1f} expected by chance, of {found.clients} clients"
    )
    if found.clients < _FEWEST_CLIENTS:
        text = f"Connections of {found.clients} client(s) end {how}: a limit on their way, or a program that hangs up."
        return Finding("proxy_idle_cut", "unknown", text, evidence, "Connect as other users from elsewhere, then look.")
    severity: Severity = "critical" if peak.count >= _MOST_ENDS_CRITICAL * ends else "warning"
    text = f"Something on the way ends connections {how}{_names(found.limits)}."
    return Finding("proxy_idle_cut", severity, text, evidence, _remedy(found))


def _names(limits: Sequence[Limit]) -> str:
    return f", the limit of {' or '.join(dict.fromkeys(one.product for one in limits))}" if limits else ""


def _remedy(found: FoundLimit) -> str:
    settings = "; ".join(f"{one.product}: {one.setting}" for one in found.limits)
    raised = f"Raise it ({settings})." if settings else f"Raise it. {SET_BY_HAND}"
    if found.kind == "age":
        return f"{raised} Pings do not help against a limit of age."
    return f"{raised} Or set `client.ping_interval` below it, to {max(1.0, found.peak.seconds * 0.4):.0f}s."


def _as_json(found: FoundLimit) -> dict[str, Any]:
    peak = found.peak
    return {
        "seconds": round(peak.seconds, 2),
        "kind": found.kind,
        "count": peak.count,
        "expected": round(peak.expected, 2),
        "clients": found.clients,
        "candidates": [{"product": one.product, "setting": one.setting, "source": one.source} for one in found.limits],
    }
