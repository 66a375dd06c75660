"""The stock JavaScript SDK's streams behind a balancer that sends each request to another one of two gateways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.parts import require
from tests.sdk.gateway import SdkGateway
from tests.sdk.node import RUN_SECONDS, run
from tests.sdk.test_through_proxies import FILES, SCENARIOS
from tests.two_gateways import Two, running_two

pytestmark = pytest.mark.timeout(RUN_SECONDS + 90)
WAYS = [("http_stream", "json"), ("http_stream", "protobuf"), ("sse", "json")]
LASTING = tuple(name for name in SCENARIOS if "restart" not in name)  # which is another one's here


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Two gateways with the settings of the SDK tests."""
    require("npm:tests/sdk")
    require("haproxy")
    require("redis")
    with running_two(tmp_path_factory.mktemp("two"), make=lambda folder, given: SdkGateway(folder, **given)) as two:
        yield two


def counted(two: Two) -> tuple[float, float]:
    """Return how many emulation requests were taken so far, and how many of them were forwarded."""
    taken = sum(one.metric("holdfast_emulation_requests_total", slug="ok") for one in two.gateways)
    return taken, two.forwarded("emulation")


@pytest.mark.parametrize(("transport", "codec"), WAYS)
def test_sdk_works_without_stickiness(two: Two, transport: str, codec: str) -> None:
    """Its emulation requests find their session wherever they come in."""
    gateway = two.gateways[0]
    assert isinstance(gateway, SdkGateway)
    behind = {"HOLDFAST_TEST_URL": two.proxy.url, "HOLDFAST_TRANSPORT": transport, "HOLDFAST_CODEC": codec}
    before = counted(two)
    passed, printed = run(FILES, tuple({**dict(gateway.environment()), **behind}.items()), LASTING)
    failed = [name for name in LASTING if not passed.get(name)]

    assert not failed, f"failed: {failed}\n{printed[-6000:]}\n{two.log()}"
    taken, forwarded = (now - then for now, then in zip(counted(two), before, strict=True))
    assert forwarded > taken / 4 > 0, f"{forwarded} of {taken}"  # the balancer's turns are half of them
