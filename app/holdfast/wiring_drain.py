"""How the drain is put together, and under which paths operators order it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from holdfast.connections.core import Core
from holdfast.connections.drain import Drain
from holdfast.routes.admin import AdminEndpoint
from holdfast.routes.admin_drain import AdminDrain
from holdfast.settings import Settings
from holdfast.telemetry import metrics

DRAIN_PATH: Final = "/admin/drain"


class Departures:
    """Everything that sends clients of an instance away by plan.

    Args:
        settings: of the instance.
        core: whose manager exists.
        emit: tells of events.
    """

    def __init__(self, settings: Settings, core: Core, emit: Callable[..., object]) -> None:
        self._core = core
        self.drain = Drain(core, settings.shutdown, emit)

    def report(self) -> None:
        """Let a scrape read the numbers."""
        core = self._core
        metrics.DRAINING.read_from(lambda: core.manager.total if core.lifecycle.refuses_handshakes else 0)
        metrics.DRAIN_RATE.read_from(lambda: self.drain.rate)
        metrics.FAREWELLS.read_from(lambda: core.farewells.counts)

    def endpoints(self, settings: Settings) -> dict[str, AdminEndpoint]:
        """Return what operators may order, by path; cancelling has a path of its own for those who can only POST."""
        token = settings.admin.token.get_secret_value()
        drain = AdminDrain(self.drain, self._core.instance)
        orders = {"GET": drain.status, "POST": drain.start, "DELETE": drain.cancel}
        return {
            DRAIN_PATH: AdminEndpoint(token, orders),
            f"{DRAIN_PATH}/cancel": AdminEndpoint(token, {"POST": drain.cancel}),
        }
