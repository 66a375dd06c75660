"""Load for the overload proof, in processes of its own: a crowd that knocks, and those who are connected already.

`python -m tests.overload crowd PORT TOKEN RATE SECONDS` knocks so many times a second, whatever becomes of it; a rate
of 0 keeps `IN_FLIGHT` attempts under way instead and so measures what the gateway takes. Who gets in leaves at once;
who hears nothing gives up after some seconds, or when too many others wait.

`python -m tests.overload audience PORT TOKEN COUNT RATE` connects, subscribes, publishes numbers by the first
connection and measures how long each took to every one. A line on standard input names the phase from then on; the end
of the input is the end.

Both print one line of JSON at the end.
"""

from __future__ import annotations

import gc
import json
import os
import select
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

from benchmarks.load.frames import PING, PONG, masked, split
from tests.sockets import upgrade_request

ROOT = Path(__file__).resolve().parent.parent
UPGRADE = upgrade_request("/connection/websocket")
CHANNEL = "overload"
IN_FLIGHT = 32
_PATIENCE_SECONDS = 3.0
_MOST_WAITING = 15_000  # below the descriptors of a process and the ports of an address
_AT_ONCE = 50  # knocks between two looks at who was answered, for a crowd does not answer in chorus
_BETWEEN_SECONDS = 0.01  # the audience keeps to any rate of a machine that is fit for the proof
_LAST_SECONDS = 2.0  # for what is on its way
_READ = 65536
_EVENTS = 1000


class Attempt:
    """One who knocks; `outcome` is empty until it is known."""

    def __init__(self, port: int, hello: bytes) -> None:
        self.socket = socket.socket(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        # Nothing is left behind: tens of thousands of attempts would use up the ports.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.connect_ex(("127.0.0.1", port))
        self.began = time.monotonic()
        self.outcome = ""
        self.stage = "tcp"
        self._hello = hello

    def proceed(self) -> None:
        """Say what is next, or know the outcome."""
        try:
            if self.stage == "tcp":
                self.socket.send(UPGRADE)
                self.stage = "upgrade"
            else:
                self._read()
        except BlockingIOError:
            pass
        except OSError as error:
            self.outcome = f"{self.stage}: {type(error).__name__}"

    def is_weary(self) -> bool:
        """Tell whether nothing came for too long."""
        return time.monotonic() - self.began > _PATIENCE_SECONDS

    def give_up(self) -> None:
        """Know that nothing came for too long."""
        self.outcome = f"{self.stage}: silence"

    def _read(self) -> None:
        data = self.socket.recv(_READ)
        if data.startswith(b"HTTP/1.1 101"):
            self.socket.send(self._hello)
            self.stage = "connect"
        elif not data:
            self.outcome = f"{self.stage}: closed"
        elif b'"connect":{' in data:
            self.outcome = "accepted"
        else:
            _, _, slug = data.partition(b'"slug":"')
            self.outcome = slug.partition(b'"')[0].decode() or f"{self.stage}: {data[:80]!r}"


def crowd(port: int, token: str, rate: float, seconds: float) -> dict[str, Any]:
    """Knock, and count what became of it."""
    hello = masked(1, json.dumps({"id": 1, "connect": {"token": token}}).encode())
    poll = select.epoll()
    open_ones: dict[int, Attempt] = {}
    outcomes: Counter[str] = Counter()
    made, began = 0, time.monotonic()
    oldest: deque[Attempt] = deque()
    knocked_for = 0.0
    gc.disable()  # it would walk over thousands of attempts again and again
    while (now := time.monotonic() - began) < seconds or open_ones:
        wanted = int(min(now, seconds) * rate) if rate else made + IN_FLIGHT - len(open_ones)
        wanted = min(wanted, made + _AT_ONCE)
        while made < wanted and (rate or now < seconds):
            attempt = Attempt(port, hello)
            poll.register(attempt.socket, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
            open_ones[attempt.socket.fileno()] = attempt
            oldest.append(attempt)
            made += 1
            knocked_for = time.monotonic() - began
        ended: list[int] = []
        for fd, _ in poll.poll(0.001, _EVENTS):
            open_ones[fd].proceed()
            if open_ones[fd].outcome:
                ended.append(fd)
        while oldest and (oldest[0].outcome or len(open_ones) - len(ended) > _MOST_WAITING or oldest[0].is_weary()):
            attempt = oldest.popleft()
            if not attempt.outcome:
                attempt.give_up()
                ended.append(attempt.socket.fileno())
        for fd in ended:
            attempt = open_ones.pop(fd)
            outcomes[attempt.outcome] += 1
            attempt.socket.close()
    return {"made": made, "seconds": knocked_for, "outcomes": dict(outcomes)}


class Member:
    """One who is connected."""

    def __init__(self, port: int, token: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.sendall(UPGRADE)
        assert self.socket.recv(_READ).startswith(b"HTTP/1.1 101")
        self._rest = b""
        self.numbers: list[int] = []
        commands = [{"id": 1, "connect": {"token": token}}, {"id": 2, "subscribe": {"channel": CHANNEL}}]
        self.socket.sendall(masked(1, "\n".join(map(json.dumps, commands)).encode()))
        while '"subscribe":' not in "".join(self.read()):
            pass

    def read(self) -> list[str]:
        """Return the lines that came, and answer pings."""
        data = self.socket.recv(_READ)
        assert data, "a member was cut off"
        frames, used = split(self._rest + data)
        self._rest = (self._rest + data)[used:]
        lines: list[str] = []
        for opcode, payload in frames:
            assert opcode == 1, f"a member was closed: {payload!r}"
            lines += payload.decode().split("\n")
        if PING.decode() in lines:
            self.socket.sendall(PONG)
        return lines


def audience(port: int, token: str, count: int, rate: float) -> dict[str, Any]:
    """Publish and listen until told to end; return what was lost and all latencies by phase."""
    members = []
    for _ in range(count):
        members.append(Member(port, token))
        time.sleep(_BETWEEN_SECONDS)
    selector = selectors.EpollSelector()
    for member in members[1:]:
        selector.register(member.socket, selectors.EVENT_READ, member)
    selector.register(members[0].socket, selectors.EVENT_READ, members[0])
    selector.register(sys.stdin, selectors.EVENT_READ)
    print("ready", flush=True)
    latencies: dict[str, list[float]] = {}
    phase, sent, due, ends_at = "", 0, time.monotonic(), 0.0
    while not ends_at or time.monotonic() < ends_at:
        now = time.monotonic()
        if not ends_at and phase and now >= due:
            due = max(due + 1 / rate, now)
            data = {"n": sent, "at": time.monotonic(), "phase": phase}
            publish = {"id": sent + 3, "publish": {"channel": CHANNEL, "data": data}}
            members[0].socket.sendall(masked(1, json.dumps(publish).encode()))
            sent += 1
        for key, _ in selector.select(max(0.0, min(due - now, 0.05))):
            if key.data is None:
                phase = sys.stdin.readline().strip()
                if not phase:  # the end of the input
                    selector.unregister(sys.stdin)
                    ends_at = time.monotonic() + _LAST_SECONDS
                continue
            lines = key.data.read()
            arrived = time.monotonic()
            for line in lines:
                if '"pub":' in line:
                    data = json.loads(line)["push"]["pub"]["data"]
                    key.data.numbers.append(data["n"])
                    latencies.setdefault(data["phase"], []).append(arrived - data["at"])
    wrong = sum(member.numbers != list(range(sent)) for member in members)
    quantiles = {name: _quantiles(values) for name, values in latencies.items()}
    return {"sent": sent, "members": count, "members_with_gaps": wrong, "latency": quantiles}


def _quantiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "count": len(ordered),
        **{name: ordered[int(len(ordered) * share)] for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))},
        "worst": ordered[-1],
    }


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start a role in a process of its own."""
    command = [sys.executable, "-m", "tests.overload", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT)


def result(process: subprocess.Popen[str], timeout: float) -> dict[str, Any]:
    """Wait for a role's end and return what it found."""
    out, errors = process.communicate(timeout=timeout)
    assert process.returncode == 0, errors
    return dict(json.loads(out.splitlines()[-1]))


def leave_core_to_gateway() -> None:
    """Stay off the first core, where there is another one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[1:])


if __name__ == "__main__":
    role, port_, token_, *numbers_ = sys.argv[1:]
    leave_core_to_gateway()
    if role == "crowd":
        # It stands for other machines: those who measure must not wait for it.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        print(json.dumps(crowd(int(port_), token_, float(numbers_[0]), float(numbers_[1]))))
    else:
        print(json.dumps(audience(int(port_), token_, int(numbers_[0]), float(numbers_[1]))))
