"""The scenarios of the stock Python SDK once more, in Protobuf."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from centrifuge import Client

from tests.sdk import test_python_connection, test_python_recovery, test_python_subscriptions
from tests.sdk.clients import Clients
from tests.sdk.gateway import SdkGateway

# Seconds of waiting in which no codec has a part.
LEFT_OUT = {"test_crash_is_told", "test_silent_network_is_noticed", "test_protobuf_connects"}


class ProtobufClient(Client):
    """Speaks Protobuf, and spares its tests the bytes: they give and get values, as in JSON."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **(options | {"use_protobuf": True}))

    def _encode_data(self, data: Any) -> Any:
        return super()._encode_data(json.dumps(data).encode())

    def _decode_data(self, data: Any) -> Any:
        return json.loads(base64.b64decode(data)) if data else None


@pytest.fixture
async def clients(sdk_gateway: SdkGateway) -> AsyncIterator[Clients]:
    """Clients that end with their test."""
    made = Clients(sdk_gateway.ws_url, ProtobufClient)
    yield made
    await made.close()


for scenarios in (test_python_connection, test_python_recovery, test_python_subscriptions):
    for name, scenario in vars(scenarios).items():
        if name.startswith("test_") and name not in LEFT_OUT:
            globals()[name] = scenario
