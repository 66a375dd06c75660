"""Judges what was read: each limit with what it means here and the exact command that changes it. Pure."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence

from holdfast.diagnostics.findings import Finding, Severity
from holdfast.diagnostics.resources_facts import Facts, Rates
from holdfast.diagnostics.resources_headroom import Row, size_text
from holdfast.diagnostics.resources_proc import UNLIMITED
from holdfast.monitoring.socket_options import SocketOption, options_text, refused
from holdfast.settings import Settings

# Shares of a limit from which it is scarce.
_WARNING, _CRITICAL = 0.8, 0.95
# A connection takes one descriptor; as many again are for calls, files, and those that are just closing.
_DESCRIPTORS_EACH, _DESCRIPTORS_SLACK = 2, 1000
_FEW_PORTS = 20000
_SYSCTL_FILE = "/etc/sysctl.d/90-holdfast.conf"


def judge(
    facts: Facts, use: Rates | None, settings: Settings, overflows_at_start: int | None = None
) -> Iterator[Finding]:
    """Yield a finding for each limit, then for CPU and network; `overflows_at_start` is what the kernel had counted."""
    yield _descriptors(facts, settings)
    yield from _nr_open(facts, settings)
    yield from _backlogs(facts, settings)
    yield from _queue(facts, overflows_at_start)
    yield from _ports(facts)
    yield from _tcp_memory(facts)
    yield from _conntrack(facts)
    yield from _cgroup(facts)
    yield from _load(facts, use)


def judge_headroom(rows: list[Row], settings: Settings) -> Iterator[Finding]:
    """Yield the table as findings: which limit comes first, then each limit."""
    shared = [row for row in rows if not row.per_proxy]
    if not shared:
        yield Finding(
            "first_limit", "unknown", "No limit could be read here.", "", "Run it on Linux, where the gateway runs."
        )
        return
    first = shared[0]
    wanted = settings.admission.max_connections
    is_late = first.allows < wanted
    severity: Severity = "critical" if not first.more else "warning" if is_late else "ok"
    evidence = f"{first.evidence}; admission.max_connections is {wanted:,}"
    remedy = f"Change {first.setting}, or lower admission.max_connections so that clients are refused politely."
    if first.limit == "max_connections":
        remedy = "Add instances, or raise admission.max_connections as far as the next limit allows."
    what = f"{first.more:,} more connections fit; {first.limit} comes first"
    yield Finding("first_limit", severity, what, evidence, "" if severity == "ok" else remedy)
    for row in rows:
        is_short = row.allows < wanted
        about = "an estimate, " if row.is_estimate else "of one proxy, " if row.per_proxy else ""
        what = f"allows {row.allows:,} connections ({about}{row.more:,} more)"
        short: Severity = "warning" if is_short and not row.is_estimate else "ok"
        yield Finding(f"headroom_{row.limit}", short, what, row.evidence, f"Change {row.setting}." if is_short else "")


def judge_sockets(options: Sequence[SocketOption]) -> Iterator[Finding]:
    """Yield a finding for the options of clients' sockets, where they are known."""
    if not options:
        return
    bad = refused(options)
    if not bad:
        yield Finding("socket_options", "ok", "The kernel granted every socket option.", options_text(options))
        return
    why = "; ".join(f"{one.name}: asked {one.asked}, {one.refusal}" for one in bad)
    names = ", ".join(one.name for one in bad)
    remedy = (
        "Correct http.sockets, or take a newer kernel; a congestion control must be in"
        " /proc/sys/net/ipv4/tcp_allowed_congestion_control."
    )
    what = f"The kernel refused socket options: {names}."
    yield Finding("socket_options", "warning", what, f"{why}; now {options_text(options)}", remedy)


def _descriptors(facts: Facts, settings: Settings) -> Finding:
    limit, used = facts.process.open_files, facts.process.descriptors
    if limit is None or used is None:
        remedy = "Run as the gateway's user or as root, or ask the gateway itself with --url."
        return Finding("descriptors", "unknown", "The limit of descriptors cannot be read.", "", remedy)
    wanted = _DESCRIPTORS_EACH * settings.admission.max_connections + _DESCRIPTORS_SLACK
    soft, hard = ("unlimited" if one == UNLIMITED else f"{one:,}" for one in limit)
    evidence = f"soft {soft}, hard {hard}, {used:,} in use; {wanted:,} wanted for admission.max_connections"
    remedy = f"systemd: LimitNOFILE={wanted}; a shell: ulimit -n {wanted}; Docker: --ulimit nofile={wanted}:{wanted}"
    if limit.soft == UNLIMITED or limit.soft >= wanted:
        return Finding("descriptors", "ok", "Enough descriptors.", evidence)
    if used >= _CRITICAL * limit.soft:
        return Finding("descriptors", "critical", "Descriptors are running out.", evidence, remedy)
    return Finding(
        "descriptors", "warning", "Fewer descriptors than admission.max_connections wants.", evidence, remedy
    )


def _nr_open(facts: Facts, settings: Settings) -> Iterator[Finding]:
    most = facts.host.nr_open
    wanted = _DESCRIPTORS_EACH * settings.admission.max_connections + _DESCRIPTORS_SLACK
    if most is not None and most < wanted:
        evidence = f"fs.nr_open is {most:,}, {wanted:,} wanted"
        yield Finding(
            "nr_open", "warning", "The kernel lets no process have so many.", evidence, _sysctl("fs.nr_open", wanted)
        )
    if facts.host.files is not None:
        used, limit = facts.host.files
        yield _filled(
            "system_files", used, limit, "descriptors of the whole machine", _sysctl("fs.file-max", limit * 2)
        )


def _backlogs(facts: Facts, settings: Settings) -> Iterator[Finding]:
    asked, somaxconn = settings.http.backlog, facts.network.somaxconn
    for listener in facts.listeners:
        evidence = (
            f"port {listener.port}: {listener.backlog:,} granted, {asked:,} asked for, {listener.waiting:,} waiting"
        )
        yield _backlog("backlog", listener.backlog, asked, evidence)
        if listener.backlog and listener.waiting >= _WARNING * listener.backlog:
            remedy = "Look for what blocks the loop (log, holdfast_loop_lag_seconds), or lower admission.rate."
            yield Finding("accept_queue", "critical", "The accept queue is nearly full.", evidence, remedy)
    if not facts.listeners and somaxconn is not None:
        evidence = (
            f"net.core.somaxconn is {somaxconn:,}, http.backlog {asked:,}; no listener of this process to look at"
        )
        yield _backlog("somaxconn", min(asked, somaxconn), asked, evidence)


def _backlog(check: str, granted: int, asked: int, evidence: str) -> Finding:
    if granted >= asked:
        return Finding(check, "ok", f"A backlog of {granted:,} pending connections.", evidence)
    what = f"The kernel caps the backlog at {granted:,}."
    return Finding(
        check, "warning", what, evidence, _sysctl("net.core.somaxconn", asked) + ", then restart the gateway"
    )


def _queue(facts: Facts, overflows_at_start: int | None) -> Iterator[Finding]:
    overflows, drops = facts.network.listen_overflows, facts.network.listen_drops
    if overflows is None:
        return
    grown = 0 if overflows_at_start is None else overflows - overflows_at_start
    evidence = (
        f"ListenOverflows {overflows:,} since boot, {grown:,} of them since the start; ListenDrops {drops or 0:,}"
    )
    if grown > 0:
        remedy = "See whether it grows: nstat -az TcpExtListenOverflows; raise http.backlog and net.core.somaxconn."
        yield Finding(
            "listen_overflows", "warning", "Connections were dropped at a full accept queue.", evidence, remedy
        )
    else:
        yield Finding("listen_overflows", "ok", "No connection was dropped at a full accept queue.", evidence)


def _ports(facts: Facts) -> Iterator[Finding]:
    if facts.network.port_range is None:
        return
    low, high = facts.network.port_range
    count = high - low + 1
    evidence = f"net.ipv4.ip_local_port_range is {low}-{high}; matters for a proxy on this machine and for calls out"
    remedy = _sysctl("net.ipv4.ip_local_port_range", '"1024 65535"')
    if count < _FEW_PORTS:
        yield Finding("port_range", "warning", f"Only {count:,} local ports.", evidence, remedy)
    else:
        yield Finding("port_range", "ok", f"{count:,} local ports.", evidence)


def _tcp_memory(facts: Facts) -> Iterator[Finding]:
    network = facts.network
    if network.tcp_memory is None or network.tcp_memory_used is None:
        return
    _, pressure, most = network.tcp_memory
    used = network.tcp_memory_used
    evidence = f"{size_text(used)} used, pressure from {size_text(pressure)}, limit {size_text(most)}"
    doubled = " ".join(str(2 * size // mmap.PAGESIZE) for size in network.tcp_memory)
    remedy = f"Look for slow readers (closes as slow_consumer); {_sysctl('net.ipv4.tcp_mem', f'{doubled!r}')}"
    if used >= pressure:
        severity: Severity = "critical" if used >= _CRITICAL * most else "warning"
        yield Finding("tcp_mem", severity, "The kernel's TCP memory is under pressure.", evidence, remedy)
    else:
        yield Finding("tcp_mem", "ok", "The kernel has TCP memory left.", evidence)


def _conntrack(facts: Facts) -> Iterator[Finding]:
    if facts.network.conntrack is None:
        yield Finding("conntrack", "ok", "Connections are not tracked here.", "no nf_conntrack")
        return
    count, most = facts.network.conntrack
    remedy = _sysctl("net.netfilter.nf_conntrack_max", most * 2)
    yield _filled("conntrack", count, most, "entries of the connection tracker", remedy)


def _cgroup(facts: Facts) -> Iterator[Finding]:
    group = facts.cgroup
    if not group.version:
        return
    if group.memory_limit is not None and group.memory_used is not None:
        used, limit = group.memory_used, group.memory_limit
        severity = _severity(used / limit if limit else 1.0)
        evidence = f"cgroup v{group.version}: {size_text(used)} of {size_text(limit)}"
        remedy = "Raise the limit (systemd MemoryMax=, Docker --memory, Kubernetes limits.memory), or add instances."
        yield Finding("cgroup_memory", severity, f"{_percent(used, limit)} of the memory limit.", evidence, remedy)
    else:
        yield Finding("cgroup_memory", "ok", "No memory limit.", f"cgroup v{group.version}")
    if group.cpu_cores is not None and group.cpu_cores < 1:
        evidence = f"a quota of {group.cpu_cores:g} core; throttled for {group.throttled_seconds or 0:.1f} s so far"
        remedy = "Give one whole core (CPUQuota=100%, --cpus 1, limits.cpu: 1): while throttled, the loop stands still."
        yield Finding("cgroup_cpu", "warning", "Less than one core.", evidence, remedy)
    elif group.throttled_seconds:
        evidence = f"throttled for {group.throttled_seconds:.1f} s so far"
        remedy = "Raise the CPU quota: while throttled, the loop stands still."
        yield Finding("cgroup_cpu", "warning", "The CPU quota has stopped the process.", evidence, remedy)
    if group.pids_limit is not None and group.pids is not None:
        remedy = "Raise the limit of tasks (systemd TasksMax=, Docker --pids-limit)."
        yield _filled("cgroup_pids", group.pids, group.pids_limit, "tasks of the cgroup", remedy)


def _load(facts: Facts, use: Rates | None) -> Iterator[Finding]:
    if use is not None and use.cpu_cores is not None:
        have = min(1.0, facts.cgroup.cpu_cores or 1.0)
        severity = _severity(use.cpu_cores / have)
        load = f"load average {facts.host.load or 0:.2f} on {facts.host.cpus or '?'} CPUs"
        evidence = f"{use.cpu_cores:.2f} of {have:g} core over {use.seconds:.2f} s; {load}"
        remedy = "Add instances: a gateway uses one core." if severity != "ok" else ""
        yield Finding("cpu", severity, f"{use.cpu_cores / have:.0%} of the core in use.", evidence, remedy)
    if use is not None and use.received_bytes is not None and use.sent_bytes is not None:
        what = f"{size_text(use.received_bytes)}/s in, {size_text(use.sent_bytes)}/s out."
        yield Finding("network", "ok", what, "all interfaces but loopback")


def _filled(check: str, used: int, limit: int, what: str, remedy: str) -> Finding:
    severity = _severity(used / limit if limit else 1.0)
    evidence = f"{used:,} of {limit:,} {what}"
    return Finding(check, severity, f"{_percent(used, limit)} in use.", evidence, "" if severity == "ok" else remedy)


def _severity(share: float) -> Severity:
    return "critical" if share >= _CRITICAL else "warning" if share >= _WARNING else "ok"


def _percent(used: int, limit: int) -> str:
    return f"{used / limit:.0%}" if limit else "100%"


def _sysctl(key: str, value: object) -> str:
    return f"sysctl -w {key}={value} (to keep it: a line in {_SYSCTL_FILE})"
