"""The stock SDKs with compression agreed on: what they offer by default, and their usual scenarios over it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.parts import require
from tests.sdk.clients import Clients
from tests.sdk.gateway import SdkGateway
from tests.sdk.node import RUN_SECONDS, run
from tests.sdk.support import unique

pytestmark = pytest.mark.timeout(RUN_SECONDS + 90)
STORY = [{"number": number, "text": "again and again"} for number in range(500)]


@pytest.fixture(scope="module")
def compressing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdkGateway]:
    """A gateway that compresses."""
    gateway = SdkGateway(tmp_path_factory.mktemp("compressing"), websocket={"compression": True})
    gateway.start()
    yield gateway
    gateway.close()


@pytest.mark.parametrize("codec", ["json", "protobuf"])
def test_javascript_sdk_over_compression(codec: str, compressing: SdkGateway) -> None:
    """The SDK on Node's `ws`, with the defaults of both, does in each codec all that it does without compression."""
    require("npm:tests/sdk")
    before = compressing.metric("holdfast_compressed_connections_total")

    results, printed = run(("subscription.test.mjs",), (*compressing.environment(), ("HOLDFAST_CODEC", codec)))

    assert results, printed
    assert all(results.values()), printed
    assert compressing.metric("holdfast_compressed_connections_total") >= before + len(results)


async def test_python_sdk_over_compression(compressing: SdkGateway) -> None:
    """The SDK on `websockets`, with the defaults of both, sends and gets long messages."""
    before = compressing.metric("holdfast_compressed_connections_total")
    clients = Clients(compressing.ws_url)
    try:
        sub, events = await clients.subscribed(unique("chat:"))
        await sub.publish(STORY)

        assert (await events.next("publication")).pub.data == STORY
    finally:
        await clients.close()
    assert compressing.metric("holdfast_compressed_connections_total") == before + 1
