"""Long polling behind a real nginx and HAProxy as they are by default, buffering and all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import proxies
from tests.parts import require
from tests.sdk import test_poll as scenarios
from tests.sdk.gateway import SdkGateway
from tests.sdk.test_poll import client, make  # noqa: F401 - fixtures of the scenarios

# What a proxy may get in the way of: waiting, refusals, presence, recovery and a restart. The restart comes last.
SCENARIOS = (
    "test_token_may_come_with_the_opening",
    "test_expired_token_is_replaced",
    "test_session_outlives_silence",
    "test_publication_says_who_published",
    "test_client_that_vanishes_leaves",
    "test_missed_publications_arrive_once",
    "test_restart_loses_and_doubles_nothing",
)


@pytest.fixture(scope="module", params=["nginx", "haproxy"])
def way(
    request: pytest.FixtureRequest, sdk_gateway: SdkGateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Return the base URL of a proxy before the gateway."""
    require(request.param)
    with proxies.running(request.param, sdk_gateway.port, tmp_path_factory.mktemp(request.param)) as proxy:
        yield proxy.url


for name in SCENARIOS:
    globals()[name] = getattr(scenarios, name)
