"""What a fault is: how it is provoked, its one name, and who can see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from holdfast.codes import CODES
from tests.faults.lab import Lab
from tests.faults.observers import OBSERVERS, Evidence, Observer, counted
from tests.gateway import Gateway
from tests.wire import eventually

Provoke = Callable[[Lab], AbstractContextManager[Evidence]]
"""Brings the fault about; it lasts while the block does."""

ONLY_PROBE: tuple[Observer, ...] = ("probe",)
ALL: tuple[Observer, ...] = OBSERVERS
ALL_BUT_PROBE: tuple[Observer, ...] = tuple(one for one in OBSERVERS if one != "probe")


@dataclass(frozen=True)
class Fault:
    """One fault.

    `seen_by` are those that can name it; the others lie on the wrong side of it. `shows_as` is what they may call what
    reaches them of it, which is true but not the cause.
    """

    name: str
    slug: str
    provoke: Provoke
    seen_by: tuple[Observer, ...] = ALL
    shows_as: str = ""

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return CODES[self.slug].remedy


def probed(lab: Lab, gateway: Gateway, url: str, *options: str, is_far: bool = False) -> Evidence:
    """Probe a URL and return what there is to ask about the attempt."""
    before = counted_when_quiet(lab, gateway)
    report = lab.probe(url, *options, is_far=is_far)
    return Evidence(gateway, before, report["attempt"], report)


def counted_when_quiet(lab: Lab, gateway: Gateway) -> Counter[str]:
    """Return what was counted, once the attempts before have ended at the main gateway."""
    if gateway is lab.main:
        # HAProxy keeps a stream whose client has left until the next ping cannot be written.
        gateway.call("disconnect", user="ada")
        eventually(lambda: gateway.metric("holdfast_connections") == 0)
    return counted(gateway)


def at(url: Callable[[Lab], str], *options: str, is_far: bool = False) -> Provoke:
    """Return a fault of the main gateway that a probe of one URL meets."""

    @contextmanager
    def provoke(lab: Lab) -> Iterator[Evidence]:
        yield probed(lab, lab.main, url(lab), *options, is_far=is_far)

    return provoke


def through(door: str, *options: str) -> Provoke:
    """Return a fault that a probe through a door of the lab meets, with a token that is good."""

    @contextmanager
    def provoke(lab: Lab) -> Iterator[Evidence]:
        yield probed(lab, lab.main, lab.url(door), "--token", lab.issuer.token(), *options)

    return provoke
