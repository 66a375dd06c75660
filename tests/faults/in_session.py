"""Faults that end a session which was open: the probe is no part of it, a client with an id of its own is."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.fault import ALL_BUT_PROBE, Fault, counted_when_quiet
from tests.faults.lab import PATH, Lab
from tests.faults.observers import Evidence, counted
from tests.gateway import Gateway
from tests.wire import Wire, eventually

_CHUNK = "x" * 60000


def attempt_id() -> str:
    """Return an id as clients make them."""
    return secrets.token_hex(16)


def _lively(lab: Lab) -> Gateway:
    """Return a gateway that pings every second and waits half of one."""
    return lab.start({"client": {"ping_interval": 1, "pong_timeout": 0.5}})


@contextmanager
def _slow_reader(lab: Lab) -> Iterator[Evidence]:
    """Subscribe and never read again, while much is published."""
    gateway, cid = lab.main, attempt_id()
    before = counted_when_quiet(lab, gateway)
    flood = [{"publish": {"channel": "full:flood", "data": _CHUNK}}] * 20
    with Wire(gateway.port, receive_buffer=4096) as client:
        client.upgrade(f"{PATH}?cid={cid}").connect(lab.issuer.token())
        client.send_text({"id": 2, "subscribe": {"channel": "full:flood"}})
        client.read_replies()
        for _ in range(50):
            gateway.call("batch", commands=flood)
            if (counted(gateway) - before)["slow_consumer"]:
                break
        yield Evidence(gateway, before, cid)


@contextmanager
def _gone_without_fin(lab: Lab) -> Iterator[Evidence]:
    """Pull the cable: the client's packets and those to it are lost, and nobody is told."""
    gateway, cid = _lively(lab), attempt_id()
    port = lab.from_afar(gateway)
    before = counted(gateway)
    with Wire.of(lab.place.connect(port)) as client:
        client.upgrade(f"{PATH}?cid={cid}").connect(lab.issuer.token())
        lab.place.cut()
        try:
            eventually(lambda: gateway.metric("holdfast_connections") == 0, 30)
        finally:
            lab.place.mend()
        yield Evidence(gateway, before, cid)


FAULTS = (
    Fault("A client reads too slowly", "slow_consumer", _slow_reader, ALL_BUT_PROBE),
    Fault("A client vanishes without a word", "no_pong", _gone_without_fin, ALL_BUT_PROBE),
)
