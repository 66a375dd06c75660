"""How drain and rebalance are put together, and under which paths operators order them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from holdfast.connections.core import Core
from holdfast.connections.drain import Drain
from holdfast.connections.rebalance import Rebalance
from holdfast.connections.sending_away import SendingAway
from holdfast.routes.admin import AdminEndpoint
from holdfast.routes.admin_actions import note_action
from holdfast.routes.admin_disconnect import AdminDisconnect
from holdfast.routes.admin_drain import AdminDrain, AdminRebalance
from holdfast.settings import Settings
from holdfast.telemetry import metrics
from holdfast.wiring_cluster import Cluster

DRAIN_PATH: Final = "/admin/drain"
REBALANCE_PATH: Final = "/admin/rebalance"
DISCONNECT_PATH: Final = "/admin/disconnect"
ACTIONS_PATH: Final = "/admin/actions"


class Departures:
    """Everything that sends clients of an instance away by plan.

    Args:
        settings: of the instance.
        core: whose manager exists.
        emit: tells of events.
        cluster: the other instances: how many connections each has, and the bus to them.
    """

    def __init__(self, settings: Settings, core: Core, emit: Callable[..., object], cluster: Cluster) -> None:
        self._core = core
        self.drain = Drain(core, settings.shutdown, emit)
        self.rebalance = Rebalance(core, settings.rebalance, cluster.nodes.serving, emit)
        self.sending_away = SendingAway(core, cluster.bus)

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
        away = AdminDisconnect(self.sending_away)
        return {
            ACTIONS_PATH: AdminEndpoint(token, {"POST": note_action}),
            DISCONNECT_PATH: AdminEndpoint(token, {"GET": away.status, "POST": away.disconnect}),
            f"{DISCONNECT_PATH}/cancel": AdminEndpoint(token, {"POST": away.cancel}),
        } | {
            path + more: AdminEndpoint(token, answers)
            for path, one in ((DRAIN_PATH, drain), (REBALANCE_PATH, rebalance))
            for more, answers in (
                ("", {"GET": one.status, "POST": one.start, "DELETE": one.cancel}),
                ("/cancel", {"POST": one.cancel}),
            )
        }
