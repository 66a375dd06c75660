"""Stopping and starting again: what clients, balancers and publishers see, and that nothing is lost."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.raw_client import RawClient


def status(gateway, path: str) -> int:
    """Return a path's status, 0 where nobody answers."""
    try:
        return gateway.get(path).status_code
    except httpx.TransportError:
        return 0


def wait_for(condition, seconds: float = 10.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_sigterm_stages(start_gateway):
    """Not ready, no newcomers, 3001 for everybody while publications are taken, then the end with 0."""
    gateway = start_gateway({"shutdown": {"propagation_wait": "60s", "drain_window": "60s"}})
    staying = [RawClient(gateway, f"user-{number}") for number in range(5)]
    gateway.signal(signal.SIGTERM)
    wait_for(lambda: status(gateway, "/readyz") == 503)
    assert gateway.get("/readyz").json()["checks"]["not_draining"] == "the instance is draining"
    assert status(gateway, "/livez") == 200

    with pytest.raises(InvalidStatus) as refused:
        RawClient(gateway, "too-late")
    assert refused.value.response.status_code == 503
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 3
    assert gateway.call("publish", channel="news", data=1) == {"result": {}}
    started = time.monotonic()
    assert {client.closed() for client in staying} == {(3001, "shutdown")}
    for client in staying:
        client.close()

    assert gateway.wait() == 0
    assert time.monotonic() - started < 5  # an instance without peers keeps nobody waiting
    phases = [line["phase"] for line in gateway.events("phase")]
    assert phases == ["leaving", "draining", "stopping"]
    (ended,) = gateway.events("ended")
    assert ended["connections"] == 5
    assert ended["closes"] == {"shutdown": 5}
    assert "Traceback" not in gateway.log()


def test_drain_is_paced(start_gateway):
    """The goodbyes are spread over the window instead of coming at once."""
    gateway = start_gateway({"shutdown": {"drain_window": "1s"}})
    clients = [RawClient(gateway, f"user-{number}") for number in range(20)]
    moments: list[float] = []

    def until_closed(client: RawClient) -> None:
        assert client.closed() == (3001, "shutdown")
        moments.append(time.monotonic())

    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(until_closed, client) for client in clients]
        gateway.signal(signal.SIGTERM)
        for one in waiting:
            one.result()
    for client in clients:
        client.close()
    moments.sort()

    assert moments[-1] - moments[0] > 0.5
    assert gateway.wait() == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_is_fast(start_gateway, second):
    """A second signal ends the waiting: goodbyes at once, and still the exit code 0."""
    gateway = start_gateway({"shutdown": {"propagation_wait": "60s", "drain_window": "60s"}})
    with RawClient(gateway) as client:
        gateway.signal(signal.SIGTERM)
        wait_for(lambda: status(gateway, "/readyz") == 503)
        started = time.monotonic()
        gateway.signal(second)

        assert client.closed() == (3001, "shutdown")
    assert gateway.wait() == 0
    assert time.monotonic() - started < 1.5  # of the two seconds an instance without peers may take


def test_sigint_drains_too(start_gateway):
    """Ctrl-C in a terminal is as polite as SIGTERM."""
    gateway = start_gateway()
    with RawClient(gateway) as client:
        gateway.signal(signal.SIGINT)

        assert client.closed() == (3001, "shutdown")
    assert gateway.wait() == 0


def test_stop_without_connections_is_quick(start_gateway):
    """With nobody connected there is nothing to wait for."""
    gateway = start_gateway({"shutdown": {"drain_window": "2s"}})
    started = time.monotonic()

    assert gateway.stop() == 0
    assert time.monotonic() - started < 1.5


def test_restart_recovers(start_gateway, tmp_path):
    """Over a clean restart clients recover on the same epoch, and everything acknowledged is there, once."""
    gateway = start_gateway({"broker": {"snapshot_path": str(tmp_path / "history.snapshot")}})
    channel = "recover:restart"
    with RawClient(gateway) as client:
        subscribed = client.subscribe(channel)
        epoch = subscribed["epoch"]
        for number in range(5):
            gateway.call("publish", channel=channel, data=number)
        assert client.publications(5) == list(range(5))
    for number in range(5, 10):
        gateway.call("publish", channel=channel, data=number)
    assert gateway.stop() == 0
    gateway.start()

    with RawClient(gateway) as client:
        result = client.subscribe(channel, recover=True, offset=5, epoch=epoch)
        assert result["epoch"] == epoch
        assert result["recovered"] is True
        assert [one["data"] for one in result["publications"]] == [5, 6, 7, 8, 9]
        assert [one["offset"] for one in result["publications"]] == [6, 7, 8, 9, 10]


def test_restart_under_fire_loses_nothing(start_gateway, tmp_path):
    """Whatever was acknowledged while the gateway was stopping is in history afterwards, in order and once."""
    gateway = start_gateway(
        {
            "broker": {"snapshot_path": str(tmp_path / "history.snapshot")},
            "shutdown": {"drain_window": "500ms"},
        }
    )
    channel = "recover:fire"
    acknowledged: list[int] = []
    refusals: set[int] = set()

    def fire() -> None:
        headers = {"X-API-Key": gateway.api_key}
        with httpx.Client(base_url=gateway.url, headers=headers, trust_env=False) as http:
            for number in range(100_000):
                try:
                    answer = http.post("/api/publish", json={"channel": channel, "data": number})
                except httpx.TransportError:
                    return
                if answer.status_code != 200:
                    refusals.add(answer.status_code)
                    return
                acknowledged.append(answer.json()["result"]["offset"])

    with RawClient(gateway) as client:
        epoch = client.subscribe(channel)["epoch"]
        thread = threading.Thread(target=fire)
        thread.start()
        wait_for(lambda: len(acknowledged) > 50)
        gateway.signal(signal.SIGTERM)
        client.closed()
        thread.join()
    assert gateway.wait() == 0
    gateway.start()

    assert refusals <= {503}
    history = gateway.call("history", channel=channel, limit=-1)["result"]
    assert history["epoch"] == epoch
    assert history["offset"] >= len(acknowledged)
    kept = {one["offset"] for one in history["publications"]}
    expected = [offset for offset in acknowledged if offset > history["offset"] - 1000]
    assert set(expected) <= kept
    assert acknowledged == list(range(1, len(acknowledged) + 1))


def test_kill_gives_a_new_epoch(start_gateway, tmp_path):
    """After a kill the instance cannot know what it lost, so clients are told and never given a silent gap."""
    gateway = start_gateway(
        {"broker": {"snapshot_path": str(tmp_path / "history.snapshot"), "snapshot_interval": "100ms"}}
    )
    channel = "recover:kill"
    epoch = gateway.call("publish", channel=channel, data=0)["result"]["epoch"]
    wait_for(lambda: (tmp_path / "history.snapshot").exists())
    time.sleep(0.3)
    gateway.kill()
    gateway.start()

    with RawClient(gateway) as client:
        result = client.subscribe(channel, recover=True, offset=1, epoch=epoch)
        assert result["epoch"] != epoch
        assert result["was_recovering"] is True
        assert "recovered" not in result


def test_port_taken(start_gateway):
    """A port that is taken ends the start with 2 and a sentence; the one that has it goes on."""
    gateway = start_gateway()
    with pytest.raises(AssertionError, match=rf"ended with 2[\s\S]*cannot listen on 127\.0\.0\.1:{gateway.port}"):
        start_gateway({"port": gateway.port})

    assert status(gateway, "/readyz") == 200


def test_bad_settings(start_gateway):
    """Settings with faults end the start with 3 and name all of them."""
    with pytest.raises(AssertionError, match=r"ended with 3") as caught:
        start_gateway({"client": {"ping_interval": "soon"}, "nonsense": 1})

    assert "client.ping_interval" in str(caught.value)
    assert "nonsense" in str(caught.value)
