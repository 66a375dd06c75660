"""The lab: a fleet under traffic. Publishers number, crowds check, a scenario disturbs, a report says what came of it.

with running_lab(folder, "kill", fleet, size) as lab:
    lab.begin()                  # both crowds are subscribed, the publishers publish
    fleet.gateways[0].kill()     # whatever the scenario does
    report = lab.end()           # everybody has got the last message, or the report says who has not
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt

from tests.gateway import API_KEY, SECRET
from tests.resilience.crowd import KINDS, Crowd, Kind, Plan
from tests.resilience.fleet import Fleet
from tests.resilience.publishers import Publishers
from tests.resilience.report import Report, report_of

USERS = 50
CALM_SECONDS = 1.0


@dataclass(frozen=True)
class Door:
    """What the lab asks of a gateway that is not a process of this machine."""

    api_key: str = API_KEY
    secret: str = SECRET

    def token(self, user: str) -> str:
        """Return a connection token that outlives a scenario."""
        return jwt.encode({"sub": user, "exp": int(time.time()) + 3600}, self.secret, algorithm="HS256")


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    clients: int  # in all, half of each kind
    channels: int = 20
    interval: float = 0.25  # seconds between two messages of a channel
    padding: int = 0  # bytes added to each message
    per_second: float = 200.0  # newcomers of each kind
    patience: float = 60.0  # for everybody to arrive, and to get the last message
    kinds: tuple[Kind, ...] = KINDS
    namespace: str = "recover"


class Lab:
    """One scenario's crowds and publishers."""

    def __init__(self, folder: Path, scenario: str, fleet: Fleet, size: Size) -> None:
        self.scenario = scenario
        self.fleet = fleet
        self.size = size
        # Of this run alone: numbers begin at 1 as offsets do, and a broker may outlive a run.
        run = secrets.token_hex(4)
        self.channels = [f"{size.namespace}:{scenario}-{run}-{number}" for number in range(size.channels)]
        self.crowds = {kind: Crowd(self._plan(kind), folder / f"{kind}.log") for kind in size.kinds}
        self._publishers = Publishers(
            fleet.api_url, self.channels, size.interval, size.padding, fleet.gateways[0].api_key
        )
        self._since = time.time()

    def begin(self) -> None:
        """Let everybody arrive, then publish."""
        self.open()
        self.wait_until_open()
        self.publish()

    def open(self) -> None:
        """Let the crowds come; they may be disturbed on their way."""
        for crowd in self.crowds.values():
            crowd.open()

    def wait_until_open(self) -> None:
        """Wait until everybody is subscribed; handshakes count from here."""
        self.settle()
        self._since = time.time()

    def settle(self) -> None:
        """Wait until everybody is connected and subscribed."""
        for crowd in self.crowds.values():
            crowd.settle()

    def publish(self) -> None:
        """Begin to publish."""
        self._publishers.start()
        self.run(CALM_SECONDS)

    def run(self, seconds: float) -> None:
        """Let traffic go on for a while."""
        time.sleep(seconds)

    def measure(self, phase: str, seconds: float) -> None:
        """Let traffic go on, and keep how long messages take under that name."""
        for crowd in self.crowds.values():
            crowd.phase(phase)
        self.run(seconds)
        for crowd in self.crowds.values():
            crowd.phase("")

    @property
    def acknowledged(self) -> int:
        """How many messages were acknowledged so far."""
        return self._publishers.published.total

    def end(self) -> Report:
        """Wait until everybody is back and has got something new, then for the last message everywhere; report."""
        self.settle()
        # Who was told of a gap just now knows what it has missed by the next message alone: two of each channel.
        self.run(max(CALM_SECONDS, 2 * self.size.interval))
        published = self._publishers.stop()
        last = published.acknowledged
        with ThreadPoolExecutor(len(self.crowds)) as pool:
            ends = {kind: pool.submit(crowd.end, last, self.size.patience) for kind, crowd in self.crowds.items()}
            summaries = {kind: end.result() for kind, end in ends.items()}
        report = report_of(self.scenario, published, summaries, self._since)
        report.save()
        print(f"\n{report.show()}")
        return report

    def kill(self) -> None:
        """End the processes, whatever they do."""
        self._publishers.abandon()
        for crowd in self.crowds.values():
            crowd.kill()

    # Private methods

    def _plan(self, kind: Kind) -> Plan:
        tokens = self._tokens()
        clients = self.size.clients // len(self.size.kinds)
        size = self.size
        return Plan(
            kind, self.fleet.ws_url, clients, self.channels, tokens, per_second=size.per_second, patience=size.patience
        )

    def _tokens(self) -> Sequence[str]:
        return [self.fleet.gateways[0].token(f"{self.scenario}-{number}") for number in range(USERS)]


@contextmanager
def running_lab(folder: Path, scenario: str, fleet: Fleet, size: Size) -> Iterator[Lab]:
    """Run a lab for the length of a block."""
    lab = Lab(folder, scenario, fleet, size)
    try:
        yield lab
    finally:
        lab.kill()
