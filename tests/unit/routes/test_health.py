import pytest

from holdfast.connections.lifecycle import Lifecycle, Phase
from holdfast.routes.health import Livez, Readyz, Startupz
from tests.asgi import call


class Report:
    """Answers with fixed checks."""

    def __init__(self, **checks: str) -> None:
        self.checks = checks

    async def report(self):
        return self.checks


async def test_livez():
    """Whoever answers is alive."""
    answer = await call(Livez())

    assert (answer.status, answer.json()) == (200, {"status": "ok", "checks": {}})


async def test_startupz():
    """Started is said once the start is over, and stays said while stopping."""
    lifecycle = Lifecycle()
    assert (await call(Startupz(lifecycle))).status == 503

    lifecycle.advance(Phase.SERVING)
    assert (await call(Startupz(lifecycle))).status == 200
    lifecycle.advance(Phase.STOPPING)
    assert (await call(Startupz(lifecycle))).status == 200


async def test_readyz_ready():
    """All checks passed is 200, and not to be cached."""
    answer = await call(Readyz(Report(broker="ok")))

    assert (answer.status, answer.json()["checks"]) == (200, {"broker": "ok"})
    assert answer.headers["cache-control"] == "no-store"


async def test_readyz_names_failures():
    """Each failing check is named in the message, and all stand in the body."""
    answer = await call(Readyz(Report(started="ok", broker="broker_unavailable: refused", not_draining="draining")))

    body = answer.json()
    assert (answer.status, body["slug"]) == (503, "not_ready")
    assert "broker: broker_unavailable: refused; not_draining: draining." in body["message"]
    assert body["checks"] == {"started": "ok", "broker": "broker_unavailable: refused", "not_draining": "draining"}
    assert "retry-after" in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_health_reading_methods(method):
    """Probes may use GET or HEAD."""
    assert (await call(Livez(), method)).status == 200


async def test_health_other_method():
    """Any other method is refused by name."""
    answer = await call(Livez(), "POST")

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
