"""Where the time of a run goes, by the parts of the design, so that each part is held to its share of `make test`.

A run of more than one part ends with a table. Where TEST_TIMES names a file, the times are written there instead, for
`tests.lanes`, which adds up those of its lanes.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

# Minutes on 2 cores. The part is the first one that a test's path begins with; what is nowhere else is the core.
BUDGETS = {"core": 4, "reach": 3, "explain": 5, "browser": 6, "many": 7, "hosts": 9, "cluster": 6}
PLACES = {
    "cluster": ("cluster/", "unit/image", "scripts/test_helm", "integration/test_image"),
    "hosts": (
        "infra/", "ansible/", "unit/profile/", "unit/verify/", "scripts/test_ansible", "scripts/test_deploy",
        "scripts/test_hosts", "integration/test_profile", "integration/test_socket", "integration/test_ssh",
        "integration/test_notify",
    ),
    "browser": ("browsers/", "client/"),
    "many": (
        "resilience/", "scripts/test_cluster", "integration/test_balancers", "integration/test_broker",
        "integration/test_instances", "integration/test_recovery", "integration/test_redis",
        "integration/test_run_cluster", "integration/test_state",
    ),
    "explain": (
        "faults/", "unit/diagnostics/", "unit/monitoring/", "integration/test_diagnose", "integration/test_ledger",
        "integration/test_monitoring", "integration/test_probe", "integration/test_runbooks",
    ),
    "reach": (
        "sdk/", "unit/transports/", "integration/test_compression", "integration/test_doors",
        "integration/test_forwarding", "integration/test_poll", "integration/test_proxies", "integration/test_stream",
        "integration/test_websocket_paths",
    ),
}  # fmt: skip
_SECONDS: Counter[str] = Counter()


def part_of(node: str) -> str:
    """Return the part that a test belongs to, by its id."""
    path = node.removeprefix("tests/")
    return next((part for part, places in PLACES.items() if path.startswith(places)), "core")


def table(seconds: Counter[str]) -> list[str]:
    """Return a line a part: its minutes, and those it may take."""
    return [
        f"{part:8} {seconds[part] / 60:5.1f} of {budget} min{'  <- over' if seconds[part] > 60 * budget else ''}"
        for part, budget in BUDGETS.items()
        if seconds[part]
    ]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add what a test, its fixtures included, has taken."""
    _SECONDS[part_of(report.nodeid)] += report.duration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End the run with the table."""
    if path := os.environ.get("TEST_TIMES"):
        Path(path).write_text(json.dumps(_SECONDS))
    elif len(_SECONDS) > 1:
        terminalreporter.section("time by part")
        for line in table(_SECONDS):
            terminalreporter.line(line)
