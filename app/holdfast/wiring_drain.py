"""How drain and rebalance are put together, and under which paths operators order them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from holdfast.connections.core import Core
from holdfast.connections.drain import Drain
from holdfast.connections.rebalance import Rebalance
from holdfast.routes.admin import AdminEndpoint
from holdfast.routes.admin_drain import AdminDrain, AdminRebalance
from holdfast.settings import Settings
from holdfast.telemetry import metrics

DRAIN_PATH: Final = "/admin/drain"
REBALANCE_PATH: Final = "/admin/rebalance"

Counts = Callable[[], Mapping[str, int]]


class Departures:
    """Everything that sends clients of an instance away by plan.

    Args:
        settings: of the instance.
        core: whose manager exists.
        emit: tells of events.
        counts: how many connections each instance has that serves; this one alone where nobody knows of others.
    """

    def __init__(
        self, settings: Settings, core: Core, emit: Callable[..., object], counts: Counts = dict[str, int]
    ) -> None:
        self._core = core
        self.drain = Drain(core, settings.shutdown, emit)
        self.rebalance = Rebalance(core, settings.rebalance, counts, emit)

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return what has to run, and let a scrape read the numbers."""
        self.report()
        return [self.rebalance.run()]

    def report(self) -> None:
        """Let a scrape read the numbers."""
        core = self._core
        metrics.DRAINING.read_from(lambda: core.manager.total if core.lifecycle.refuses_handshakes else 0)
        metrics.DRAIN_RATE.read_from(lambda: self.drain.rate)
        metrics.FAREWELLS.read_from(lambda: core.farewells.counts)
        metrics.EXCESS.read_from(lambda: self.rebalance.excess)

    def endpoints(self, settings: Settings) -> dict[str, AdminEndpoint]:
        """Return what operators may order, by path; cancelling has a path of its own for those who can only POST."""
        token = settings.admin.token.get_secret_value()
        drain = AdminDrain(self.drain, self._core.instance)
        rebalance = AdminRebalance(self.rebalance, self._core.instance)
        return {
            path + more: AdminEndpoint(token, answers)
            for path, one in ((DRAIN_PATH, drain), (REBALANCE_PATH, rebalance))
            for more, answers in (
                ("", {"GET": one.status, "POST": one.start, "DELETE": one.cancel}),
                ("/cancel", {"POST": one.cancel}),
            )
        }
