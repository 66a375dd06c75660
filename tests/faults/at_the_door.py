"""Faults that the gateway itself names before it lets anybody in, and the limit of a user right behind the door."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx

from tests.faults.fault import Fault, Provoke, at, counted_when_quiet, probed, through
from tests.faults.gate import Gate
from tests.faults.lab import PATH, Lab
from tests.faults.observers import Evidence
from tests.gateway import ADMIN_TOKEN, Gateway
from tests.sockets import upgrade_request
from tests.wire import Wire, eventually

ELSEWHERE = "https://elsewhere.example.com"


# Limits of connections


def _crowded(holders: dict[str, str], user: str = "newcomer") -> Provoke:
    """Return a gateway where users hold connections from addresses when a newcomer knocks.

    It bears one connection of a user, two of an address, three in all.
    """
    settings = {
        "admission": {"max_connections": 3, "max_connections_per_address": 2, "ramp": 0},
        "client": {"user_connection_limit": 1},
    }

    @contextmanager
    def provoke(lab: Lab) -> Iterator[Evidence]:
        gateway = lab.shared("crowded", settings)
        eventually(lambda: gateway.metric("holdfast_connections") == 0)
        with ExitStack() as held:
            for holder, address in holders.items():
                wire = held.enter_context(Wire(gateway.port))
                wire.upgrade(PATH, f"X-Forwarded-For: {address}").connect(lab.issuer.token(holder))
            yield probed(lab, gateway, lab.before(gateway), "--token", lab.issuer.token(user))

    return provoke


@contextmanager
def _storm(lab: Lab) -> Iterator[Evidence]:
    """Take what the accept rate has, then knock."""
    gateway = lab.start({"admission": {"rate": 0.02, "burst": 1, "ramp": 0}})
    with Wire(gateway.port) as first:
        first.upgrade(PATH)
    yield probed(lab, gateway, lab.before(gateway), "--token", lab.issuer.token())


# Resources: all are watched by the monitor of a real process, with limits that a test can reach

_NOT_YET = {"trip_after": 3600}  # or the breaker would open and be the cause
_AT_ONCE = {"lasting": 0}


def _until_refused(gateway: Gateway, slug: str, held: ExitStack) -> None:
    """Knock, and keep what is let in, until a newcomer is refused for this cause."""

    def is_refused() -> bool:
        wire = held.enter_context(Wire(gateway.port))
        wire.send(upgrade_request(PATH))
        status, _, body = wire.read_response()
        return status != 101 and json.loads(body)["slug"] == slug

    eventually(is_refused, 60)


def _scarce(slug: str, settings: dict[str, Any], prefix: tuple[str, ...] = ()) -> Provoke:
    """Return a gateway that lacks something as soon as anybody knocks."""

    @contextmanager
    def provoke(lab: Lab) -> Iterator[Evidence]:
        gateway = lab.start({"admission": {"ramp": 0}, **settings}, prefix=prefix)
        url = lab.before(gateway)
        with ExitStack() as held:
            _until_refused(gateway, slug, held)
            yield probed(lab, gateway, url, "--token", lab.issuer.token())
        gateway.kill()

    return provoke


_NO_MEMORY = {"interval": 0.2, "memory_limit": 20_000_000, "memory": _AT_ONCE}
_LITTLE_CPU = {"interval": 0.2, "cpu": {"warning": 0.002, "critical": 0.004, **_AT_ONCE}, **_NOT_YET}
_LOW_LIMIT = ("sh", "-c", 'ulimit -n 128 && exec "$@"', "sh")
_FEW_DESCRIPTORS = {"interval": 0.1, "descriptors": {"critical": 0.8, **_AT_ONCE}, **_NOT_YET}


@contextmanager
def _blocked_loop(lab: Lab) -> Iterator[Evidence]:
    """Stop the process for most of the time, as a blocking call or a starving machine does."""
    lag = {"warning": 0.1, "critical": 0.2, "lasting": 1}
    gateway = lab.start({"admission": {"ramp": 0}, "monitor": {"interval": 0.2, "loop_lag": lag, **_NOT_YET}})
    url = lab.before(gateway)
    with _stuttering(gateway), ExitStack() as held:
        _until_refused(gateway, "overload_loop_lag", held)
        yield probed(lab, gateway, url, "--token", lab.issuer.token())
    gateway.kill()


@contextmanager
def _stuttering(gateway: Gateway, stopped: float = 0.5, running: float = 0.1) -> Iterator[None]:
    ended = threading.Event()

    def stutter() -> None:
        while not ended.wait(running):
            os.kill(gateway.pid, signal.SIGSTOP)
            ended.wait(stopped)
            os.kill(gateway.pid, signal.SIGCONT)

    thread = threading.Thread(target=stutter)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


# The instance itself


@contextmanager
def _draining(lab: Lab) -> Iterator[Evidence]:
    """Drain an instance at the moment the probe has a connection to it; it stays there to be asked."""
    gateway = lab.start({})
    before = counted_when_quiet(lab, gateway)
    url = lab.before(gateway)
    port = int(url.split(":")[2].split("/")[0])

    def drain() -> None:
        order, header = {"window": 1}, {"authorization": f"Bearer {ADMIN_TOKEN}"}
        httpx.post(f"{gateway.internal_url}/admin/drain", json=order, headers=header, timeout=30).raise_for_status()
        gateway.wait_for_event("phase", phase="draining")

    with Wire(gateway.port) as somebody, Gate(port, drain) as gate:
        somebody.upgrade(PATH).connect(lab.issuer.token())
        report = lab.probe(f"ws://127.0.0.1:{gate.port}{PATH}", "--token", lab.issuer.token())
        yield Evidence(gateway, before, report["attempt"], report)


FAULTS = (
    Fault("A wrong path", "not_found", at(lambda lab: lab.url("plain", "/connection/websockets"))),
    Fault("A page of a foreign origin", "origin_not_allowed", through("nginx_tls", "--origin", ELSEWHERE)),
    Fault(
        "The instance has all its connections",
        "instance_connection_limit",
        _crowded({"a": "192.0.2.1", "b": "192.0.2.2", "c": "192.0.2.3"}),
    ),
    Fault(
        "An address has all its connections", "address_connection_limit", _crowded({"a": "127.0.0.1", "b": "127.0.0.1"})
    ),
    Fault("A user has all their connections", "connection_limit", _crowded({"ada": "192.0.2.1"}, "ada")),
    Fault("Too many handshakes at once", "accept_rate", _storm),
    Fault(
        "Memory is at its limit", "overload_memory", _scarce("overload_memory", {"monitor": {**_NO_MEMORY, **_NOT_YET}})
    ),
    Fault(
        "Descriptors are used up",
        "overload_descriptors",
        _scarce("overload_descriptors", {"monitor": _FEW_DESCRIPTORS}, _LOW_LIMIT),
    ),
    Fault("The CPU is used up", "overload_cpu", _scarce("overload_cpu", {"monitor": _LITTLE_CPU})),
    Fault("The event loop is blocked", "overload_loop_lag", _blocked_loop),
    Fault(
        "The breaker is open",
        "breaker_open",
        _scarce(
            "breaker_open",
            {"monitor": {**_NO_MEMORY, "trip_after": 0}, "admission": {"ramp": 0, "breaker_open": 600}},
        ),
    ),
    Fault("The instance is draining", "draining", _draining),
)
