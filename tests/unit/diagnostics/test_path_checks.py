from __future__ import annotations

import pytest

from holdfast.diagnostics.path_checks import Timeout, fault_findings, idle_finding, number, poll_finding, room_finding
from tests.unit.diagnostics.way import GATEWAY, terms


def timeout(seconds: float) -> Timeout:
    """Make a proxy's timeout."""
    return Timeout(seconds, "timeout tunnel", "haproxy.cfg:7", "WebSocket")


@pytest.mark.parametrize(("seconds", "severity"), [(25.0, "critical"), (25.1, "warning"), (33.0, None)])
def test_idle_finding_by_ping_and_pong(seconds: float, severity: str | None) -> None:
    """Up to the ping interval all are cut, until the pong may be there, some."""
    found = idle_finding(timeout(seconds), GATEWAY)

    assert (found.severity if found else None) == severity


def test_idle_finding_says_what_to_set() -> None:
    """Both sides of the mismatch are told, with the place and two ways out."""
    found = idle_finding(timeout(20.0), GATEWAY)

    assert found is not None
    assert "`timeout tunnel` is 20 s (haproxy.cfg:7)" in found.evidence
    assert "above 33 s" in found.remedy
    assert "client.ping_interval` to 8s" in found.remedy


@pytest.mark.parametrize(("seconds", "severity"), [(25.0, "critical"), (26.9, "warning"), (27.0, None)])
def test_poll_finding_by_the_answer_of_a_poll(seconds: float, severity: str | None) -> None:
    """An answer needs time to arrive."""
    found = poll_finding(timeout(seconds), GATEWAY)

    assert (found.severity if found else None) == severity
    assert poll_finding(timeout(seconds), terms(poll={"enabled": False})) is None


@pytest.mark.parametrize(
    ("text", "value"), [("10", 10), ("0", 0), ("", None), ("-1", None), ("²", None), ("9" * 13, None)]
)
def test_number_of_a_text(text: str, value: int | None) -> None:
    """Only plain numbers of a sane length are numbers."""
    assert number(text) == value


def test_room_finding_compares_with_the_gateway() -> None:
    """A proxy that takes as many is fine."""
    assert room_finding("x", 10000, "", GATEWAY) is None
    found = room_finding("x", 9999, "why", GATEWAY)
    assert found is not None
    assert "9999" in found.summary


def test_fault_findings_are_one_and_short() -> None:
    """However much is broken, it is one finding."""
    assert fault_findings("x", []) == []
    [found] = fault_findings("x", [f"fault {number}" for number in range(8)])
    assert found.severity == "unknown"
    assert "and 3 more" in found.evidence
