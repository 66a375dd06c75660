"""Tests of holdfast.diagnostics.resources_findings."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.diagnostics.findings import Finding
from holdfast.diagnostics.resources_facts import Facts, Rates
from holdfast.diagnostics.resources_findings import judge, judge_headroom, judge_sockets
from holdfast.diagnostics.resources_headroom import Row
from holdfast.diagnostics.resources_listeners import Listener
from holdfast.diagnostics.resources_proc import HostFacts, Limit, NetworkFacts, ProcessFacts
from holdfast.monitoring.cgroup import CgroupFacts
from holdfast.monitoring.socket_options import SocketOption
from holdfast.settings import Settings

SETTINGS = Settings()


def judged(overflows_at_start: int | None = None, use: Rates | None = None, **facts: Any) -> dict[str, Finding]:
    """Return the findings by check; what is not fine has a remedy."""
    findings = list(judge(Facts(**facts), use, SETTINGS, overflows_at_start))
    assert all(one.remedy for one in findings if one.severity in {"warning", "critical"})
    return {one.check: one for one in findings}


@pytest.mark.parametrize(
    ("check", "facts", "severity", "words"),
    [
        ("descriptors", {"process": ProcessFacts(7, Limit(1024, 4096), 20)}, "warning", "LimitNOFILE=21000"),
        ("descriptors", {"process": ProcessFacts(7, Limit(1024, 4096), 1000)}, "critical", "ulimit -n 21000"),
        ("descriptors", {"process": ProcessFacts(7, Limit(65536, 65536), 1000)}, "ok", ""),
        ("descriptors", {"process": ProcessFacts(7, Limit(-1, -1), 1000)}, "ok", ""),
        ("descriptors", {}, "unknown", "--url"),
        ("nr_open", {"host": HostFacts(nr_open=1024)}, "warning", "sysctl -w fs.nr_open=21000"),
        ("system_files", {"host": HostFacts(files=(90, 100))}, "warning", "sysctl -w fs.file-max=200"),
        ("backlog", {"listeners": (Listener(1, 8000, 128, 0),)}, "warning", "sysctl -w net.core.somaxconn=4096"),
        ("backlog", {"listeners": (Listener(1, 8000, 4096, 0),)}, "ok", ""),
        ("accept_queue", {"listeners": (Listener(1, 8000, 128, 120),)}, "critical", "loop"),
        ("somaxconn", {"network": NetworkFacts(somaxconn=128)}, "warning", "somaxconn=4096"),
        ("somaxconn", {"network": NetworkFacts(somaxconn=4096)}, "ok", ""),
        ("port_range", {"network": NetworkFacts(port_range=(1, 1000))}, "warning", '"1024 65535"'),
        ("port_range", {"network": NetworkFacts(port_range=(32768, 60999))}, "ok", ""),
        ("tcp_mem", {"network": NetworkFacts(tcp_memory=(1, 5, 9), tcp_memory_used=2)}, "ok", ""),
        ("tcp_mem", {"network": NetworkFacts(tcp_memory=(1, 5, 9), tcp_memory_used=6)}, "warning", "tcp_mem"),
        ("tcp_mem", {"network": NetworkFacts(tcp_memory=(1, 5, 9), tcp_memory_used=9)}, "critical", "tcp_mem"),
        ("conntrack", {}, "ok", ""),
        ("conntrack", {"network": NetworkFacts(conntrack=(85, 100))}, "warning", "nf_conntrack_max=200"),
        ("conntrack", {"network": NetworkFacts(conntrack=(99, 100))}, "critical", "nf_conntrack_max=200"),
        ("cgroup_memory", {"cgroup": CgroupFacts(2, memory_limit=100, memory_used=96)}, "critical", "MemoryMax"),
        ("cgroup_memory", {"cgroup": CgroupFacts(2)}, "ok", ""),
        ("cgroup_cpu", {"cgroup": CgroupFacts(2, cpu_cores=0.5)}, "warning", "CPUQuota=100%"),
        ("cgroup_cpu", {"cgroup": CgroupFacts(2, cpu_cores=2.0, throttled_seconds=3.0)}, "warning", "quota"),
        ("cgroup_pids", {"cgroup": CgroupFacts(2, pids_limit=100, pids=90)}, "warning", "TasksMax"),
        ("cpu", {"use": Rates(1.0, 0.5, None, None)}, "ok", ""),
        ("cpu", {"use": Rates(1.0, 0.85, None, None)}, "warning", "instances"),
        ("cpu", {"use": Rates(1.0, 0.99, None, None)}, "critical", "instances"),
        ("cpu", {"use": Rates(1.0, 0.48, 0.0, 0.0), "cgroup": CgroupFacts(2, cpu_cores=0.5)}, "critical", "inst"),
        ("network", {"use": Rates(1.0, 0.5, 2048.0, 0.0)}, "ok", ""),
    ],
)
def test_judge_says_how_bad_and_what_to_do(check: str, facts: dict[str, Any], severity: str, words: str) -> None:
    """Each limit in each of its states, with the exact command."""
    found = judged(**facts)[check]

    assert found.severity == severity
    assert words in found.remedy


def test_judge_counts_overflows_since_the_start() -> None:
    """The kernel counts since boot, for all; only what grew is the gateway's."""
    network = NetworkFacts(listen_overflows=5, listen_drops=5)

    assert judged(5, network=network)["listen_overflows"].severity == "ok"
    assert judged(3, network=network)["listen_overflows"].severity == "warning"
    assert judged(None, network=network)["listen_overflows"].severity == "ok"


def test_judge_leaves_out_what_is_not_known() -> None:
    """No finding claims what nobody measured."""
    assert set(judged()) == {"descriptors", "conntrack"}


def test_headroom_names_the_first_limit() -> None:
    """The one that is reached first decides, and what comes before the configured limit is a warning."""
    rows = [
        Row("descriptors", 1000, 900, "e", "LimitNOFILE"),
        Row("cpu", 5000, 4900, "e", "instances", is_estimate=True),
        Row("max_connections", 10000, 9900, "e", "admission.max_connections"),
        Row("port_range", 100, 100, "e", "ports", per_proxy=True),
    ]
    found = {one.check: one for one in judge_headroom(rows, SETTINGS)}

    assert found["first_limit"].severity == "warning"
    assert "descriptors comes first" in found["first_limit"].summary
    assert {check: one.severity for check, one in found.items() if check != "first_limit"} == {
        "headroom_descriptors": "warning",
        "headroom_cpu": "ok",
        "headroom_max_connections": "ok",
        "headroom_port_range": "warning",
    }


@pytest.mark.parametrize(("more", "severity"), [(0, "critical"), (5, "ok")])
def test_headroom_is_critical_where_nothing_fits(more: int, severity: str) -> None:
    """A full gateway; one with its configured limit ahead is fine."""
    found = next(judge_headroom([Row("max_connections", 10000, more, "e", "s")], SETTINGS))

    assert found.severity == severity
    assert ("Add instances" in found.remedy) == (more == 0)


def test_headroom_without_numbers_is_unknown() -> None:
    """Elsewhere than on Linux."""
    assert next(judge_headroom([], SETTINGS)).severity == "unknown"


def test_socket_options_are_fine_or_named() -> None:
    """What the kernel refused is a warning with the way out; where nothing is known nothing is said."""
    fine = SocketOption("nodelay", 1, 1)
    (good,) = judge_sockets([fine])
    (bad,) = judge_sockets([fine, SocketOption("congestion", "bbr", "cubic", "No such file or directory")])

    assert (good.severity, bad.severity) == ("ok", "warning")
    assert "congestion: asked bbr, No such file or directory; now nodelay 1, congestion cubic" in (bad.evidence or "")
    assert "tcp_allowed_congestion_control" in (bad.remedy or "")
    assert not list(judge_sockets([]))
