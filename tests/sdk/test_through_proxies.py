"""Behind a real nginx and HAProxy, with their default buffering: each transport and codec, and a restart under it.

A row is one way to a gateway. Each has a gateway and a proxy of its own, and the selected rows run side by side,
since what takes time here is waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import proxies
from tests.parts import find_part, require
from tests.sdk.gateway import SdkGateway
from tests.sdk.node import RUN_SECONDS, Environment, part_about, run

# What a proxy may get in the way of; everything else the same SDK is asked without one. The restart comes last.
FILES = ("connection.test.mjs", "subscription.test.mjs", "recovery.test.mjs", "restart.test.mjs")
SCENARIOS = (
    "a token connects",
    "an expired token is replaced through getToken",
    "a malformed token ends for good",
    "a missing token ends for good",
    "a silent network is noticed by the client",
    "a disconnect by the API with a code below 4500 reconnects",
    "a disconnect by the API with a code from 4500 on is final",
    "a refresh by the API that says expired reconnects",
    "a publication by the API arrives",
    "a broadcast arrives in each channel",
    "a publication by a client says who published",
    "history is read forwards, backwards and from a position",
    "a lost connection leaves",
    "an unknown namespace is refused by name",
    "an unsubscribe by the API is final",
    "what was missed arrives once and in order",
    "more missed than kept is told and nothing partial arrives",
    "a flapping network loses nothing and doubles nothing",
    "a restart loses nothing and doubles nothing",
)

Outcome = dict[str, str]  # what was printed about each test that did not pass, by name


def sdk(environment: Environment) -> Outcome:
    """Run the chosen tests of the stock JavaScript SDK."""
    passed, printed = run(FILES, environment, SCENARIOS)
    return {name: part_about(name, printed) for name in SCENARIOS if not passed.get(name)}


class Row(NamedTuple):
    """A proxy, what goes through it, and who speaks; `talk` returns what failed."""

    proxy: str
    transport: str
    codec: str
    talk: Callable[[Environment], Outcome] = sdk


ROWS = [
    Row("nginx", "websocket", "json"),
    Row("haproxy", "websocket", "json"),
    Row("nginx", "websocket", "protobuf"),
    Row("haproxy", "websocket", "protobuf"),
    Row("nginx", "http_stream", "json"),
    Row("haproxy", "http_stream", "json"),
    Row("nginx", "http_stream", "protobuf"),
    Row("haproxy", "http_stream", "protobuf"),
    Row("nginx", "sse", "json"),
    Row("haproxy", "sse", "json"),
]
ROWS_AT_ONCE = 4
pytestmark = pytest.mark.timeout(RUN_SECONDS + 90)


@dataclass(frozen=True)
class Report:
    """How a row went, and what its proxy and gateway wrote."""

    failed: Outcome
    logs: str


def play(row: Row, folder: Path) -> Report:
    """Run a row from start to end."""
    (folder / "proxy").mkdir(parents=True)
    gateway = SdkGateway(folder)
    gateway.start()
    try:
        with proxies.running(row.proxy, gateway.port, folder / "proxy") as proxy:
            behind = {
                "HOLDFAST_TEST_URL": proxy.url,
                "HOLDFAST_TRANSPORT": row.transport,
                "HOLDFAST_CODEC": row.codec,
            }
            failed = row.talk(tuple({**dict(gateway.environment()), **behind}.items()))
            logs = f"{proxy.log()}\nthe gateway said:\n{gateway.log()[-proxies.LOG_TAIL :]}"
    finally:
        gateway.close()
    return Report(failed, logs)


@pytest.fixture(scope="module")
def reports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Row, Future]]:
    """Begin with every row that this run selected and whose parts are there."""
    selected = [one.callspec.params["row"] for one in request.session.items if one.path == request.path]
    wanted = [row for row in selected if find_part("npm:tests/sdk").is_there() and find_part(row.proxy).is_there()]
    with ThreadPoolExecutor(ROWS_AT_ONCE) as pool:
        yield {row: pool.submit(play, row, tmp_path_factory.mktemp("row")) for row in wanted}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row[:3]))
def test_through_proxy(row: Row, reports: dict[Row, Future]) -> None:
    """Everything the client does works through the proxy as without it, and a restart loses and doubles nothing."""
    require("npm:tests/sdk")
    require(row.proxy)

    report = reports[row].result()

    if report.failed:
        details = [f"{name}:\n{said}" for name, said in report.failed.items()]
        pytest.fail("\n\n".join([f"failed: {', '.join(report.failed)}", *details, report.logs]), pytrace=False)
