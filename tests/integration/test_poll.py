"""Long polling on a real server: stopping, bad requests, and what they leave behind."""

from __future__ import annotations

import concurrent.futures
import json
import signal
import ssl
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.gateway import Gateway
from tests.wire import Wire, eventually

PATH = "/connection/poll"
SHORT = {"poll": {"timeout": "30s", "idle_timeout": "31s", "end_grace": "1s"}}


# One for all tests: making another takes longer than most of them.
TRUST = ssl.create_default_context()
HTTP = httpx.Client(trust_env=False, timeout=40, verify=TRUST, limits=httpx.Limits(max_keepalive_connections=0))


class Poller:
    """A session that is polled by hand."""

    def __init__(self, gateway: Gateway, user: str, *commands: Any) -> None:
        self.url = f"{gateway.url}{PATH}"
        connect = {"id": 1, "connect": {"token": gateway.token(user)}}
        self.opened = HTTP.post(self.url, json={"commands": [connect, *commands]}).json()
        self.session = self.opened["session"]
        self.seq = 0

    def poll(self, **fields: Any) -> Any:
        """Send the next request and return the answer."""
        self.seq += 1
        given = {"session": self.session, "seq": self.seq, "ack": len(self.opened["messages"]), **fields}
        return HTTP.post(self.url, json=given).json()


@pytest.fixture
def pool() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    """Threads in which requests wait."""
    with concurrent.futures.ThreadPoolExecutor(20) as threads:
        yield threads


def waiting(gateway: Gateway, count: int) -> None:
    """Wait until so many sessions wait with a request each, which the gateway does not count."""
    eventually(lambda: gateway.metric("holdfast_poll_sessions") == count)
    time.sleep(0.3)


@pytest.mark.parametrize("signals", [1, 2])
def test_stop_answers_open_polls(start_gateway: Any, pool: concurrent.futures.ThreadPoolExecutor, signals: int) -> None:
    """Each open poll is answered with the disconnect push, nobody new is let in, and the end is not held up."""
    gateway = start_gateway({**SHORT, "shutdown": {"drain_window": "1s"}})
    pollers = [Poller(gateway, f"user-{number}") for number in range(10)]
    polls = [pool.submit(poller.poll) for poller in pollers]
    waiting(gateway, 10)
    assert gateway.get("/readyz").status_code == 200

    started = time.monotonic()
    for _ in range(signals):
        gateway.signal(signal.SIGTERM)
        time.sleep(0.1)
    if signals == 1:
        refused = HTTP.post(f"{gateway.url}{PATH}", json={"commands": [{"id": 1}]})
        assert (refused.status_code, refused.json()["slug"]) == (503, "draining")
        assert 1 <= int(refused.headers["retry-after"]) <= 3
    told = [poll.result()["messages"] for poll in polls]

    assert told == [[{"push": {"disconnect": {"code": 3001, "reason": "shutdown"}}}]] * 10
    assert gateway.wait() == 0
    assert time.monotonic() - started < 5
    (ended,) = gateway.events("ended")
    assert ended["closes"] == {"shutdown": 10}
    assert "Traceback" not in gateway.log()


def test_session_of_another_life_is_unknown(start_gateway: Any) -> None:
    """A restarted instance knows no session of the one before, and names the cause."""
    gateway = start_gateway(SHORT)
    poller = Poller(gateway, "anna")
    assert gateway.stop() == 0
    gateway.start()

    assert poller.poll()["slug"] == "unknown_session"


def test_presence_ends_with_an_idle_session(start_gateway: Any) -> None:
    """Who comes no more leaves presence, counts and memory behind a minute at most, here half a second."""
    gateway = start_gateway({"poll": {"timeout": "200ms", "idle_timeout": "500ms", "end_grace": "200ms"}})
    poller = Poller(gateway, "anna", {"id": 2, "subscribe": {"channel": "full:room"}})
    assert len(gateway.call("presence", channel="full:room")["result"]["presence"]) == 1

    eventually(lambda: gateway.call("presence", channel="full:room")["result"]["presence"] == {})

    assert gateway.metric("holdfast_closes_total", slug="poll_idle") == 1
    assert gateway.metric("holdfast_poll_sessions") == gateway.metric("holdfast_connections") == 0
    assert poller.poll()["slug"] == "unknown_session"


BODIES: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 400, "bad_request"),
    "no json": (b"\xff\xfe", 400, "bad_request"),
    "a list": (b"[]", 400, "bad_request"),
    "nested": (b'{"commands":' + b"[" * 30_000, 400, "bad_request"),
    "no utf-8": (b'{"session":"\xff","seq":1}', 400, "bad_request"),
    "no seq": (b'{"session":"x"}', 400, "bad_request"),
    "a huge seq": (b'{"session":"x","seq":' + b"9" * 400 + b"}", 400, "bad_request"),
    "somebody's session": (b'{"session":"0123456789abcdef0123456789abcdef","seq":1}', 404, "unknown_session"),
    "megabytes": (b'{"commands":["' + b"x" * 5_000_000 + b'"]}', 413, "body_too_large"),
}


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that takes every bad request there is."""
    settings = {
        "poll": {"timeout": "1s", "idle_timeout": "2s", "end_grace": "200ms"},
        "client": {"handshake_timeout": "1s"},
        "http": {"request_timeout": "1s"},
    }
    gateway = Gateway(tmp_path_factory.mktemp("polled"), settings).start()
    yield gateway
    gateway.kill()


@pytest.fixture
def unharmed(victim: Gateway) -> Iterator[Gateway]:
    """Look at the gateway before and after: alive, empty, without a traceback, and silent about secrets."""
    process = psutil.Process(victim.pid)
    victim.get("/livez")
    descriptors, logged = process.num_fds(), len(victim.log())
    yield victim
    eventually(lambda: victim.metric("holdfast_poll_sessions") == 0)
    eventually(lambda: victim.metric("holdfast_connections") == 0)
    eventually(lambda: process.num_fds() <= descriptors + 2)
    assert victim.get("/readyz").status_code == 200
    new = victim.log()[logged:]
    assert "Traceback" not in new
    assert '"level": "error"' not in new


@pytest.mark.parametrize("name", BODIES)
def test_bad_body(unharmed: Gateway, name: str) -> None:
    """What is no request is refused by name."""
    body, status, slug = BODIES[name]

    answer = HTTP.post(f"{unharmed.url}{PATH}", content=body)

    assert (answer.status_code, answer.json()["slug"]) == (status, slug)


@pytest.mark.parametrize(
    ("commands", "reason"),
    [
        ([1], "malformed_command"),
        ([{"id": "x"}], "malformed_command"),
        ([{"id": 1, "subscribe": {"channel": "a"}}], "not_connected"),
        ([{"id": 1}], "unknown_command"),
        ([{}], "not_connected"),
    ],
)
def test_opening_without_a_connect(unharmed: Gateway, commands: Any, reason: str) -> None:
    """Commands that are none end the session, and the answer says so."""
    answer = HTTP.post(f"{unharmed.url}{PATH}", json={"commands": commands}).json()

    assert answer["messages"] == [{"push": {"disconnect": {"code": 3501, "reason": reason}}}]


def test_requests_that_are_dropped(unharmed: Gateway) -> None:
    """Clients that hang up in the middle of a request, while waiting, or before reading leave nothing behind."""
    poller = Poller(unharmed, "anna")
    body = json.dumps({"session": poller.session, "seq": 1, "ack": 1}).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for end in (len(head) - 2, len(head), len(head) + 5, len(head) + len(body)):
        with Wire(unharmed.port) as wire:
            wire.send((head + body)[:end])
            time.sleep(0.05)
    with Wire(unharmed.port) as stuck:  # never sends its last byte
        stuck.send((head + body)[:-1])
        assert stuck.read_response()[0] == 408

    assert poller.poll(close=True)["messages"] == []


def test_two_hundred_polls_of_one_session(unharmed: Gateway, pool: concurrent.futures.ThreadPoolExecutor) -> None:
    """However many requests a session sends at once, one waits and the others are told that it is not theirs."""
    poller = Poller(unharmed, "anna")

    def poll(seq: int) -> Any:
        # A client of its own: of one that hundreds of threads share, one may close what another reads.
        with httpx.Client(trust_env=False, timeout=40, verify=TRUST) as client:
            return client.post(poller.url, json={"session": poller.session, "seq": seq, "ack": 1}).json()

    answers = list(pool.map(poll, [1 + number % 7 for number in range(200)]))

    assert all(answer["messages"] == [] for answer in answers)
    assert sum("superseded" not in answer for answer in answers) >= 1


def test_secrets_stay_out_of_the_log(unharmed: Gateway) -> None:
    """Neither a session's id nor a key nor a token is written anywhere, for who has one can act as its owner."""
    token, key = unharmed.token("anna"), "a-key-of-sixteen-or-more"
    opening = {"key": key, "commands": [{"id": 1, "connect": {"token": token}}]}
    session = HTTP.post(f"{unharmed.url}{PATH}", json=opening).json()["session"]
    for fields in ({"ack": 9}, {"seq": -1}, {"node": "elsewhere"}, {"commands": [{"id": 1, "nonsense": {}}]}):
        given = {"session": session, "seq": 1, "ack": 0, **fields}
        HTTP.post(f"{unharmed.url}{PATH}", json=given)

    time.sleep(0.2)  # lines are written a moment after they are said
    seen = unharmed.log() + unharmed.get("/metrics").text
    assert not [secret for secret in (session, key, token) if secret in seen]
