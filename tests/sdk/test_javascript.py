"""The stock JavaScript SDK: each test of javascript/*.test.mjs is one test here, run by Node's own test runner.

A way is a transport and a codec. Each has one Node process and a gateway of its own, and the selected ways run side by
side, since what takes time here is waiting.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.parts import find_part, require
from tests.sdk.gateway import SdkGateway
from tests.sdk.node import HERE, RUN_SECONDS, part_about, run

FILES = sorted((HERE / "javascript").glob("*.test.mjs"))
# The first test of a way waits for all of them.
pytestmark = pytest.mark.timeout(RUN_SECONDS + 90)
NAME = re.compile(r"^test\('([^']+)'", re.MULTILINE)


class Way(NamedTuple):
    """How the SDK reaches the gateway."""

    transport: str
    codec: str


class Case(NamedTuple):
    """A test of the JavaScript files; its name is the only one among them."""

    file: str
    name: str


WAYS = (
    Way("websocket", "json"),
    Way("websocket", "protobuf"),
    Way("http_stream", "json"),
    Way("http_stream", "protobuf"),
    Way("sse", "json"),
)
WAYS_AT_ONCE = 3
CASES = [Case(path.name, name) for path in FILES for name in NAME.findall(path.read_text())]
IDS = [f"{case.file.removesuffix('.test.mjs')}: {case.name}" for case in CASES]
assert len({case.name for case in CASES}) == len(CASES), "two JavaScript tests have one name"

Report = tuple[dict[str, bool], str]


def play(way: Way, cases: list[Case], folder: Path) -> Report:
    """Run these tests over a way; return which passed, and everything printed."""
    gateway = SdkGateway(folder)
    gateway.start()
    try:
        chosen = (("HOLDFAST_TRANSPORT", way.transport), ("HOLDFAST_CODEC", way.codec))
        files = tuple(dict.fromkeys(case.file for case in cases))
        return run(files, (*gateway.environment(), *chosen), tuple(case.name for case in cases))
    finally:
        gateway.close()


@pytest.fixture(scope="module")
def reports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Way, Future]]:
    """Begin with what this run selected of every way."""
    wanted: defaultdict[Way, list[Case]] = defaultdict(list)
    for item in request.session.items:
        if item.path == request.path and find_part("npm:tests/sdk").is_there():
            wanted[item.callspec.params["way"]].append(item.callspec.params["case"])
    pool = ThreadPoolExecutor(WAYS_AT_ONCE)
    yield {way: pool.submit(play, way, cases, tmp_path_factory.mktemp("way")) for way, cases in wanted.items()}
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", CASES, ids=IDS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(way))
def test_javascript_sdk(way: Way, case: Case, reports: dict[Way, Future]) -> None:
    """The named test of the stock JavaScript SDK passes over each transport, in each codec it has there."""
    require("npm:tests/sdk")

    passed, printed = reports[way].result()

    if not passed.get(case.name):
        pytest.fail(part_about(case.name, printed), pytrace=False)
