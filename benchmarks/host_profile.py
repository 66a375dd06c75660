"""What the host profile changes, measured: memory of the kernel under slow readers, and a storm of connects.

    python -m benchmarks.host_profile [--readers 200] [--storm 6000] [--stall 1.5]

Needs root: everything happens in network namespaces of its own, whose sysctls are changed, never the machine's. Slow
readers stand behind a virtual cable with the usual MTU and read nothing; each is sent the same amount, and what the
kernel holds of it is the sum of `ss -tm` over the gateway's sockets. A storm arrives while the gateway's loop is
stalled (SIGSTOP), as in a long pause; lost are the connections that the kernel counted as overflows, and late is who
had to wait for a retransmission. Prints Markdown tables. Exit codes: 0 fine, 1 the low-water mark saved less than half,
4 no namespaces here.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.namespace import Namespace
from tests.gateway import Gateway, running
from tests.sockets import client_frame, upgrade_request

EXIT_FINE, EXIT_FOUND, EXIT_UNKNOWN = 0, 1, 4
_INSIDE = "BENCH_INSIDE"
PUBLICATION_BYTES = 16384
EACH_BYTES = 6 * 1024 * 1024
SETTLE_SECONDS = 3.0
PATIENCE_SECONDS = 60.0
# Every client of the storm has its answer by then, or had to wait for a retransmission.
LATE_SECONDS = 0.9
# `net.core.somaxconn` by name: what kernels before 5.4 and many containers have, a newer kernel's, the profile's.
STORMS = (("128 (kernels before 5.4)", 128), ("4096 (kernel's own)", 4096), ("16384 (profile)", 16384))
PROFILE_BACKLOG = 16384


@dataclass(frozen=True)
class Amounts:
    """How much is measured."""

    readers: int
    storm: int
    stall: float


# Slow readers


def slow_readers(count: int, notsent_lowat: int) -> dict[str, float]:
    """Return MiB that the kernel and the gateway's process hold for readers that stopped reading."""
    settings = {
        "host": "0.0.0.0",
        "http": {"sockets": {"notsent_lowat": notsent_lowat, "user_timeout": 0}},
        # Nobody is sent away while it is measured.
        "client": {"queue_max_size": 1 << 30, "ping_interval": 3600},
        "admission": {"ramp": 0, "rate": 0},
        "log": {"level": "warning"},
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place = stack.enter_context(Namespace())
        gateway = stack.enter_context(running_quietly(folder, settings))
        readers = [stack.enter_context(_reader(place, gateway)) for _ in range(count)]
        resident = _resident_bytes(gateway.pid)
        for _ in range(EACH_BYTES // PUBLICATION_BYTES):
            gateway.call("publish", channel="slow", data="x" * PUBLICATION_BYTES)
        time.sleep(SETTLE_SECONDS)
        kernel = _kernel_bytes(gateway.port)
        return {
            "readers": len(readers),
            "kernel_mib": kernel / 1048576,
            "kernel_kib_each": kernel / 1024 / count,
            "process_mib": (_resident_bytes(gateway.pid) - resident) / 1048576,
            "congested": gateway.metric("holdfast_congested_connections"),
        }


def _reader(place: Namespace, gateway: Gateway) -> socket.socket:
    client = place.connect(gateway.port)
    client.settimeout(PATIENCE_SECONDS)
    client.sendall(upgrade_request("/connection/websocket"))
    commands = [{"id": 1, "connect": {"token": gateway.token()}}, {"id": 2, "subscribe": {"channel": "slow"}}]
    client.sendall(client_frame(1, "\n".join(json.dumps(one) for one in commands).encode()))
    seen = b""
    while b'"id":2' not in seen:
        seen += client.recv(4096)
    return client


def _kernel_bytes(port: int) -> int:
    """Return what `ss -tm` says is queued for writing, with its overhead (skmem w and f), of the gateway's sockets."""
    command = ["ss", "-tmnH", "state", "established", "sport", "=", f":{port}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return sum(int(one[1]) + int(one[0]) for one in re.findall(r"skmem:\(.*?,f(\d+),w(\d+)", said))


def _resident_bytes(pid: int) -> int:
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


# Storm


def storm(count: int, stall: float, somaxconn: int) -> dict[str, float]:
    """Return how a storm of connects, all at once while the gateway is stalled, is served."""
    Path("/proc/sys/net/core/somaxconn").write_text(str(somaxconn))
    settings = {
        "http": {"backlog": PROFILE_BACKLOG},
        "admission": {"ramp": 0, "rate": 0, "max_connections": 1 << 20},
        "log": {"level": "warning"},
    }
    with tempfile.TemporaryDirectory() as folder, running_quietly(Path(folder), settings) as gateway:
        before = _listen_counters()
        took = _crowd(gateway, count, stall)
        after = _listen_counters()
    took.sort()
    return {
        "overflows": after["ListenOverflows"] - before["ListenOverflows"],
        "answered": len(took),
        "late": count - len(took) + sum(one > stall + LATE_SECONDS + _work_seconds(took, stall) for one in took),
        "p50": took[len(took) // 2] if took else float("nan"),
        "last": took[-1] if took else float("nan"),
    }


def _work_seconds(took: list[float], stall: float) -> float:
    """Return how long the gateway worked on those it had in its queue: the median beyond the stall, twice."""
    return 2 * max(0.0, took[len(took) // 2] - stall)


def _crowd(gateway: Gateway, count: int, stall: float) -> list[float]:
    """Connect so many at once, each with a request, and return the seconds until each had its answer."""
    took: list[float] = []
    waiting = selectors.DefaultSelector()
    request = b"GET /livez HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n"
    gateway.signal(signal.SIGSTOP)
    began = time.monotonic()
    clients = [_client(gateway.port) for _ in range(count)]
    for client in clients:
        waiting.register(client, selectors.EVENT_WRITE)
    is_stalled, left = True, count
    while left and time.monotonic() - began < PATIENCE_SECONDS:
        if is_stalled and time.monotonic() - began >= stall:
            gateway.signal(signal.SIGCONT)
            is_stalled = False
        for key, ready in waiting.select(0.05):
            client: Any = key.fileobj
            if ready & selectors.EVENT_WRITE and _ask(client, request):
                waiting.modify(client, selectors.EVENT_READ)
            elif ready & selectors.EVENT_READ or _is_lost(client):
                if _is_answered(client):
                    took.append(time.monotonic() - began)
                waiting.unregister(client)
                left -= 1
    for client in clients:
        client.close()
    return took


def _client(port: int) -> socket.socket:
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", port))
    return client


def _ask(client: socket.socket, request: bytes) -> bool:
    try:
        client.send(request)
    except OSError:
        return False
    return True


def _is_lost(client: socket.socket) -> bool:
    return bool(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


def _is_answered(client: socket.socket) -> bool:
    try:
        return client.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _listen_counters() -> dict[str, int]:
    lines = [one.split() for one in Path("/proc/net/netstat").read_text().splitlines() if one.startswith("TcpExt:")]
    return dict(zip(lines[0][1:], map(int, lines[1][1:]), strict=True))


# Everything


def running_quietly(folder: Path, settings: dict[str, Any]) -> Any:
    """Run a gateway for a block; its log line `started` is needed, the rest is not."""
    return running(folder, {**settings, "log": {"level": "info", "format": "json"}})


def tables(amounts: Amounts) -> tuple[str, bool]:
    """Measure everything; return the tables, and whether the low-water mark does what it is for."""
    without, with_ = (slow_readers(amounts.readers, lowat) for lowat in (0, 131072))
    ratio = without["kernel_mib"] / max(with_["kernel_mib"], 0.001)
    lines = [
        f"| {amounts.readers} slow readers, {EACH_BYTES >> 20} MiB sent to each | memory of the kernel | of each "
        "| growth of the process | seen as slow |",
        "|---|---|---|---|---|",
    ]
    for name, row in (("without `notsent_lowat`", without), ("with 131072 (default)", with_)):
        lines.append(
            f"| {name} | {row['kernel_mib']:.0f} MiB | {row['kernel_kib_each']:,.0f} KiB | {row['process_mib']:.0f} MiB"
            f" | {row['congested']:.0f} |"
        )
    lines += ["", f"Ratio: {ratio:.1f} times less with it.", ""]
    lines += [
        f"| {amounts.storm:,} connects at once during a stall of {amounts.stall:g} s | overflows | answered | late"
        " | median | last |",
        "|---|---|---|---|---|---|",
    ]
    for name, somaxconn in STORMS:
        row = storm(amounts.storm, amounts.stall, somaxconn)
        lines.append(
            f"| `somaxconn` {name} | {row['overflows']:,.0f} | {row['answered']:,.0f} | {row['late']:,.0f}"
            f" | {row['p50']:.2f} s | {row['last']:.2f} s |"
        )
    return "\n".join(lines), ratio >= 2


def main(arguments: list[str]) -> int:
    """Go into a namespace, measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description="Measure what the host profile changes.")
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--storm", type=int, default=6000)
    parser.add_argument("--stall", type=float, default=1.5)
    given = parser.parse_args(arguments)
    if os.environ.get(_INSIDE) != "1":
        if os.geteuid() or shutil.which("unshare") is None or shutil.which("ss") is None:
            print("LEFT OUT: root, unshare and ss are needed (apt-get install util-linux iproute2).", file=sys.stderr)
            return EXIT_UNKNOWN
        command = ["unshare", "--net", sys.executable, "-m", "benchmarks.host_profile", *arguments]
        return subprocess.run(command, env={**os.environ, _INSIDE: "1"}, check=False).returncode
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    text, is_fine = tables(Amounts(given.readers, given.storm, given.stall))
    print(text)
    return EXIT_FINE if is_fine else EXIT_FOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
