"""The stock JavaScript SDK: each test of javascript/*.test.mjs is one test here, run by Node's own test runner."""

from __future__ import annotations

import re

import pytest

from tests.parts import require
from tests.sdk.gateway import SdkGateway
from tests.sdk.node import HERE, part_about, run

FILES = sorted((HERE / "javascript").glob("*.test.mjs"))
NAME = re.compile(r"^test\('([^']+)'", re.MULTILINE)
WAYS = (
    ("websocket", "json"),
    ("websocket", "protobuf"),
    ("http_stream", "json"),
    ("http_stream", "protobuf"),
    ("sse", "json"),
)
CASES = [(path.name, name) for path in FILES for name in NAME.findall(path.read_text())]
IDS = [f"{file.removesuffix('.test.mjs')}: {name}" for file, name in CASES]


@pytest.mark.parametrize(("file", "name"), CASES, ids=IDS)
@pytest.mark.parametrize(("transport", "codec"), WAYS)
def test_javascript_sdk(file: str, name: str, transport: str, codec: str, sdk_gateway: SdkGateway) -> None:
    """The named test of the stock JavaScript SDK passes over each transport, in each codec it has there."""
    require("npm:tests/sdk")

    way = (("HOLDFAST_TRANSPORT", transport), ("HOLDFAST_CODEC", codec))
    results, printed = run((file,), (*sdk_gateway.environment(), *way))

    assert results.get(name), part_about(name, printed)
