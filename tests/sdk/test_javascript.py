"""The stock JavaScript SDK: each test of javascript/*.test.mjs is one test here, run by Node's own test runner."""

from __future__ import annotations

import re

import pytest

from tests.parts import require
from tests.sdk.gateway import SdkGateway
from tests.sdk.node import HERE, part_about, run

FILES = sorted((HERE / "javascript").glob("*.test.mjs"))
CODECS = ("json", "protobuf")
NAME = re.compile(r"^test\('([^']+)'", re.MULTILINE)
CASES = [(path.name, name) for path in FILES for name in NAME.findall(path.read_text())]
IDS = [f"{file.removesuffix('.test.mjs')}: {name}" for file, name in CASES]


@pytest.mark.parametrize(("file", "name"), CASES, ids=IDS)
@pytest.mark.parametrize("codec", CODECS)
def test_javascript_sdk(file: str, name: str, codec: str, sdk_gateway: SdkGateway) -> None:
    """The named test of the stock JavaScript SDK passes in each codec."""
    require("npm:tests/sdk")

    results, printed = run((file,), (*sdk_gateway.environment(), ("HOLDFAST_CODEC", codec)))

    assert results.get(name), part_about(name, printed)
