from __future__ import annotations

import pytest

from holdfast.diagnostics.path_checks import Timeout, idle_finding
from tests.unit.diagnostics.way import GATEWAY


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
