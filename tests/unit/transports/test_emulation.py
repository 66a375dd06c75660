"""Commands of streams that come by requests of their own."""

import asyncio
import json

import pytest
from centrifuge.protocol import client_pb2

from holdfast.errors import BrokerError
from holdfast.protocol.framing import MESSAGES_PROTOBUF, RAW_JSON, Encoding
from holdfast.transports.emulation import EmulationEndpoint, EmulationRules
from tests.asgi import call
from tests.brokers import Clock
from tests.live import World
from tests.pair import Pair, forwarded
from tests.protobuf import encode_commands

LIMIT = 1024
NOW = 1_700_000_000.0


def endpoint_of(world: World, seen: list[str]) -> EmulationEndpoint:
    """Return an instance's endpoint, which tells what it has seen."""
    instance = world.core.instance
    rules = EmulationRules(instance, LIMIT, lambda scope, error: seen.append(error.slug if error else "ok"))
    cluster = getattr(world, "cluster", None)
    return EmulationEndpoint(world.manager, rules, None if cluster is None else cluster.forwarder)


class Served:
    """The endpoint over a core without sockets, and a session to talk to."""

    def __init__(self, world: World, encoding: Encoding = RAW_JSON) -> None:
        self.world = world
        self.seen: list[str] = []
        self.app = endpoint_of(world, self.seen)
        self.client = world.open(encoding, session="s1")
        self.client.transport.name = "http_stream"
        self.client.call("connect", token=world.token())

    async def post(self, data, session="s1", node="here"):
        """Send one request and return its answer."""
        return await call(self.app, "POST", body=json.dumps({"session": session, "node": node, "data": data}).encode())


@pytest.fixture
async def served() -> Served:
    """One endpoint with one session."""
    return Served(await World(Clock(NOW)).start())


async def test_commands_are_taken(served):
    """204 without a body; the reply goes over the stream."""
    answer = await served.post('{"id":2,"subscribe":{"channel":"news"}}\n{"id":3,"ping":{}}')

    assert (answer.status, answer.body) == (204, b"")
    assert [reply["id"] for reply in served.client.received()] == [2, 3]
    assert served.seen == ["ok"]


async def test_protobuf_commands_are_taken():
    """A session in Protobuf gets its commands in Protobuf, by the media type of the request."""
    served = Served(await World(Clock(NOW)).start(), MESSAGES_PROTOBUF.plain)
    data = encode_commands({"id": 2, "subscribe": {"channel": "news"}})
    body = client_pb2.EmulationRequest(session="s1", node="here", data=data).SerializeToString()
    headers = [("Content-Type", "application/octet-stream")]
    answer = await call(served.app, "POST", body=body, headers=headers)

    assert answer.status == 204
    assert served.client.transport.units[-1] == b"\x04\x08\x02\x32\x00"
    assert (await call(served.app, "POST", body=b"garbage", headers=headers)).status == 400
    assert (await served.post("{}")).status == 204
    assert served.client.transport.closed == (3501, "text_frame")


async def test_pong_is_taken(served):
    """A pong by this way keeps the session."""
    served.client.connection.awaiting_pong = True
    await served.post("{}")

    assert served.client.connection.awaiting_pong is False


async def test_replayed_and_reordered_commands_are_answered_each(served):
    """What comes twice is carried out twice, in the order in which it came, and replies name the ids."""
    first, second = '{"id":5,"ping":{}}', '{"id":4,"subscribe":{"channel":"news"}}'
    for data in (first, second, second):
        assert (await served.post(data)).status == 204

    replies = served.client.received()
    assert [reply["id"] for reply in replies] == [5, 4, 4]
    assert replies[2]["error"]["code"] == 105


@pytest.mark.parametrize(("session", "node"), [("s1", "elsewhere"), ("s1", "")])
async def test_session_of_another_instance_is_unknown(served, session, node):
    """What another instance's session says is refused: balancing split the stream from its commands."""
    answer = await served.post("{}", session, node)

    assert (answer.status, answer.json()["slug"]) == (404, "unknown_session")
    assert served.seen == ["unknown_session"]


async def test_session_of_another_transport_is_unknown(served):
    """Polls have numbered requests of their own; this way around them is closed."""
    served.client.transport.name = "poll"

    assert (await served.post("{}")).status == 404


@pytest.mark.parametrize("session", ["s2", ""])
async def test_session_that_never_was_reaches_nobody(served, session):
    """Others' sessions cannot be guessed, and the answer does not tell whether a guess was right."""
    assert (await served.post("garbage", session)).status == 204
    assert served.seen == ["unknown_session"]
    assert not served.client.connection.closed


async def test_session_that_has_ended_takes_commands_without_a_word(served):
    """The goodbye may be on its way long after the socket is closed, and a 404 that overtakes it would hide it."""
    served.client.connection.close("force_disconnect")
    assert (await served.post("{}")).status == 204
    served.client.hang_up(3503, "force_disconnect")

    assert (await served.post("{}")).status == 204
    assert served.seen == ["unknown_session"] * 2


async def test_garbage_for_a_session_ends_it(served):
    """The request was one; what it carried is judged as on a WebSocket, and the stream says why."""
    answer = await served.post("garbage")

    assert answer.status == 204
    assert served.client.transport.closed == (3501, "malformed_json")


async def test_body_that_is_no_request(served):
    """400, and no session is touched."""
    answer = await call(served.app, "POST", body=b"garbage")

    assert (answer.status, answer.json()["slug"]) == (400, "emulation_malformed")
    assert served.client.transport.closed is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_other_methods_are_not_allowed(served, method):
    """405 says what is."""
    answer = await call(served.app, method)

    assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_body_over_the_limit(served):
    """413 for this request alone."""
    answer = await served.post("x" * LIMIT)

    assert (answer.status, answer.json()["slug"]) == (413, "body_too_large")
    assert served.client.transport.closed is None


async def test_client_that_leaves_before_its_body_is_complete(served):
    """Nobody is left to answer."""
    answer = await call(served.app, "POST", body=None)

    assert (answer.status, served.seen) == (0, ["client_gone"])


async def test_flood_is_told_to_its_sender():
    """The connection's own limits hold; the request too many is answered 429."""
    served = Served(await World(Clock(NOW), client={"command_rate": 1, "command_burst": 3}).start())
    answers = [await served.post('{"id":9,"ping":{}}') for _ in range(3)]

    assert [answer.status for answer in answers] == [204, 204, 429]
    assert served.client.transport.closed == (3013, "command_rate_limit")


class Elsewhere(Served):
    """The endpoint of another instance than that of the session."""

    def __init__(self, pair: Pair, encoding: Encoding = RAW_JSON) -> None:
        super().__init__(pair.there, encoding)
        self.pair = pair
        self.taken = self.seen
        self.seen = []
        self.app = endpoint_of(pair.here, self.seen)

    async def post(self, data, session="s1", node="there"):
        """Send one request to the other instance and return its answer."""
        return await super().post(data, session, node)


@pytest.fixture
async def elsewhere() -> Elsewhere:
    """A session there, an endpoint here."""
    return Elsewhere(await Pair(Clock(NOW)).start())


async def test_commands_are_forwarded(elsewhere):
    """204 once the session's instance has taken them; the reply goes over the stream."""
    before = forwarded("emulation", "ok")
    answer = await elsewhere.post('{"id":2,"ping":{}}')

    assert (answer.status, answer.body) == (204, b"")
    assert [reply["id"] for reply in elsewhere.client.received()] == [2]
    assert (elsewhere.seen, elsewhere.taken) == (["ok"], [])
    assert forwarded("emulation", "ok") == before + 1


async def test_protobuf_commands_are_forwarded():
    """Byte for byte."""
    elsewhere = Elsewhere(await Pair(Clock(NOW)).start(), MESSAGES_PROTOBUF.plain)
    data = encode_commands({"id": 2, "subscribe": {"channel": "news"}})
    body = client_pb2.EmulationRequest(session="s1", node="there", data=data).SerializeToString()
    answer = await call(elsewhere.app, "POST", body=body, headers=[("Content-Type", "application/octet-stream")])

    assert answer.status == 204
    assert elsewhere.client.transport.units[-1] == b"\x04\x08\x02\x32\x00"


async def test_forwarded_commands_keep_their_order(elsewhere):
    """Requests of a client that are complete here one after the other are taken there so."""
    posts = [elsewhere.post(json.dumps({"id": number, "ping": {}})) for number in range(2, 30)]
    assert {answer.status for answer in await asyncio.gather(*posts)} == {204}

    assert [reply["id"] for reply in elsewhere.client.received()] == list(range(2, 30))


async def test_refusals_of_the_other_instance_come_as_they_are():
    """Its limits hold, and a session that is none says so."""
    elsewhere = Elsewhere(await Pair(Clock(NOW), client={"command_rate": 1, "command_burst": 3}).start())
    answers = [await elsewhere.post('{"id":9,"ping":{}}') for _ in range(3)]
    assert [answer.status for answer in answers] == [204, 204, 429]
    assert answers[2].json()["slug"] == "command_rate_limit"

    assert (await elsewhere.post("{}", "never was")).status == 204
    assert elsewhere.seen == ["ok", "ok", "command_rate_limit", "unknown_session"]


async def test_session_of_an_instance_that_is_not_there(elsewhere):
    """404 at once, and nothing is sent."""
    answer = await elsewhere.post("{}", node="nowhere")

    assert (answer.status, answer.json()["slug"]) == (404, "unknown_session")
    assert elsewhere.pair.exchange.sent == []


async def test_instance_that_does_not_answer(elsewhere):
    """503, temporary: the commands may have been carried out."""
    elsewhere.pair.kill(elsewhere.pair.there)
    posted = asyncio.ensure_future(elsewhere.post("{}"))
    answer = await elsewhere.pair.until_timers(elsewhere.pair.here, posted)

    assert (answer.status, answer.json()["slug"]) == (503, "peer_unreachable")
    assert BrokerError("peer_unreachable").is_temporary


async def test_oversized_and_malformed_bodies_are_not_forwarded(elsewhere):
    """They are refused where they come in."""
    assert (await elsewhere.post("x" * LIMIT)).status == 413
    assert (await call(elsewhere.app, "POST", body=b"garbage")).status == 400
    assert elsewhere.pair.exchange.sent == []
