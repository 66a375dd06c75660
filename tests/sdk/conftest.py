"""Fixtures of the SDK tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from centrifuge import Client

from tests.sdk.clients import Clients, Peers
from tests.sdk.gateway import SdkGateway


@pytest.fixture(scope="session")
def sdk_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdkGateway]:
    """One gateway for all SDK tests; they keep apart by the names they use."""
    gateway = SdkGateway(tmp_path_factory.mktemp("sdk"))
    gateway.start()
    yield gateway
    gateway.close()


@pytest.fixture
async def clients(sdk_gateway: SdkGateway) -> AsyncIterator[Clients]:
    """Clients of the stock Python SDK that end with their test."""
    made = Clients(sdk_gateway.ws_url)
    yield made
    await made.close()


@pytest.fixture
async def client(clients: Clients) -> Client:
    """One connected client of the stock Python SDK."""
    connected, _ = await clients.connected()
    return connected


@pytest.fixture
async def peers(sdk_gateway: SdkGateway) -> AsyncIterator[Peers]:
    """Clients that speak the protocol by hand and end with their test."""
    made = Peers(sdk_gateway.ws_url)
    yield made
    await made.close()
