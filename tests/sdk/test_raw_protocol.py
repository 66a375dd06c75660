"""The protocol by hand: what the SDKs rely on without showing it, and what they never send."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest

from tests.sdk.clients import Peers
from tests.sdk.gateway import SdkGateway
from tests.sdk.support import now, token, unique


async def test_connect_reply_says_how_pings_go(peers: Peers) -> None:
    """The connect reply has a client id, the ping interval in seconds and asks for pongs."""
    peer = await peers.connected()

    assert peer.welcome["client"]
    assert peer.welcome["ping"] == 2
    assert peer.welcome["pong"] is True
    assert peer.welcome["expires"] is True
    assert 290 <= peer.welcome["ttl"] <= 300


async def test_connect_token_without_expiry_never_expires(peers: Peers) -> None:
    """Without `exp` the connect reply says nothing of an expiry."""
    peer = await peers.connected(token(exp=now() + 300, expire_at=0))

    assert "ttl" not in peer.welcome
    assert not peer.welcome.get("expires")


async def test_extension_object_answers_only_who_sent_it(peers: Peers) -> None:
    """The `holdfast` object is in the connect reply of a client that sent its own."""
    plain = await peers.connected()
    ours = await peers.connected(holdfast={"version": "1", "cid": "0" * 32, "can_migrate": True})

    assert "holdfast" not in plain.welcome
    assert ours.welcome["holdfast"]["instance"]
    assert ours.welcome["holdfast"]["reconnect_window_ms"] > 0


async def test_commands_after_connect_in_one_frame_wait_for_it(peers: Peers) -> None:
    """What travels behind connect is answered after it, in order."""
    peer = await peers.open()
    channels = [unique("chat:") for _ in range(3)]

    await peer.send(
        {"id": 1, "connect": {"token": token()}},
        *({"id": 2 + n, "subscribe": {"channel": channel}} for n, channel in enumerate(channels)),
    )

    assert [(await peer.reply())["id"] for _ in range(4)] == [1, 2, 3, 4]


async def test_commands_behind_a_failed_connect_are_dropped(peers: Peers) -> None:
    """After error 109 nothing else is answered, and the end is not a number that stops the client."""
    peer = await peers.open()

    await peer.send(
        {"id": 1, "connect": {"token": token(exp=now() - 60)}}, {"id": 2, "subscribe": {"channel": "chat:x"}}
    )
    reply = await peer.reply()
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            code, _ = await peer.ending()
            assert code < 3500

    assert reply == {"id": 1, "error": {"code": 109, "message": "token_expired"}}
    assert peer.pushes == []


@pytest.mark.parametrize(
    ("frame", "slug"),
    [
        ('{"id":1,"subscribe":{"channel":"chat:x"}}', "not_connected"),
        ("not json", "malformed_json"),
        ("[1]", "malformed_command"),
        ('{"id":1,"connect":{"token":1}}', "malformed_command"),
        ("", "empty_frame"),
    ],
)
async def test_frames_that_are_no_connect_end_the_connection(peers: Peers, frame: str, slug: str) -> None:
    """A first frame that is no connect command closes with 3501 and its own cause."""
    peer = await peers.open()

    await peer.socket.send(frame)

    assert await peer.ending() == (3501, slug)


@pytest.mark.parametrize(
    ("command", "slug"),
    [
        ({"id": 9, "connect": {"token": "x"}}, "already_connected"),
        ({"subscribe": {"channel": "chat:x"}}, "command_id_missing"),
        ({"id": 9, "dance": {}}, "unknown_command"),
        ({"id": 9, "rpc": {}, "publish": {"channel": "c", "data": 1}}, "ambiguous_command"),
    ],
)
async def test_impossible_commands_end_the_connection(peers: Peers, command: Any, slug: str) -> None:
    """A command that no client should send closes with 3501 and its own cause."""
    peer = await peers.connected()

    await peer.send(command)

    assert await peer.ending() == (3501, slug)


async def test_binary_frame_ends_the_connection(peers: Peers) -> None:
    """A JSON connection takes text frames only."""
    peer = await peers.connected()

    await peer.socket.send(b'{"id":2,"rpc":{}}')

    assert await peer.ending() == (3501, "binary_frame")


async def test_send_needs_no_id_and_says_that_nobody_listens(peers: Peers) -> None:
    """A message without a reply has no taker yet, which only a close can say."""
    peer = await peers.connected()

    await peer.send({"send": {"data": 1}})

    assert await peer.ending() == (3508, "not_available_close")


async def test_large_message_is_refused(peers: Peers) -> None:
    """A message over 64 KiB closes with 1009."""
    peer = await peers.connected()

    await peer.send({"id": 5, "publish": {"channel": "chat:x", "data": "x" * 70000}})

    assert (await peer.ending())[0] == 1009


async def test_empty_results_are_objects(peers: Peers) -> None:
    """Every reply carries its method's key, empty or not."""
    peer = await peers.connected()
    channel = unique("plain:")

    assert await peer.call("subscribe", channel=channel) == {"id": 2, "subscribe": {}}
    assert await peer.call("unsubscribe", channel=channel) == {"id": 3, "unsubscribe": {}}
    assert await peer.call("unsubscribe", channel=channel) == {"id": 4, "unsubscribe": {}}


async def test_subscribe_twice_is_an_error(peers: Peers) -> None:
    """A second subscribe is error 105 and leaves the first alone."""
    peer = await peers.connected()
    channel = unique("chat:")
    await peer.call("subscribe", channel=channel)

    reply = await peer.call("subscribe", channel=channel)

    assert reply["error"] == {"code": 105, "message": "already_subscribed"}
    assert "publish" in await peer.call("publish", channel=channel, data=1)


async def test_recovery_answers_with_the_position_asked_from(peers: Peers, sdk_gateway: SdkGateway) -> None:
    """A recovered subscribe has the asked offset, all that was missed, and both flags."""
    channel = unique("kept:")
    for number in range(1, 5):
        sdk_gateway.api("publish", channel=channel, data=number)
    epoch = sdk_gateway.api("history", channel=channel)["epoch"]
    peer = await peers.connected()

    reply = await peer.call("subscribe", channel=channel, recover=True, offset=1, epoch=epoch)
    result = reply["subscribe"]

    assert result.pop("publications") == [{"data": n, "offset": n} for n in (2, 3, 4)]
    assert result == {
        "recoverable": True,
        "positioned": True,
        "epoch": epoch,
        "offset": 1,
        "recovered": True,
        "was_recovering": True,
    }


async def test_failed_recovery_answers_with_the_top(peers: Peers, sdk_gateway: SdkGateway) -> None:
    """A subscribe that cannot recover has the stream's top and nothing partial."""
    channel = unique("short:")
    for number in range(1, 8):
        sdk_gateway.api("publish", channel=channel, data=number)
    epoch = sdk_gateway.api("history", channel=channel)["epoch"]
    peer = await peers.connected()

    reply = await peer.call("subscribe", channel=channel, recover=True, offset=1, epoch=epoch)
    result = reply["subscribe"]

    assert "publications" not in result
    assert not result.get("recovered")
    assert (result["was_recovering"], result["offset"], result["epoch"]) == (True, 7, epoch)


@pytest.mark.parametrize(
    "position", [{"offset": 1}, {"offset": 99}, {"offset": 7, "epoch": "gone"}, {"offset": 0, "epoch": "_"}]
)
async def test_unrecoverable_position_is_an_error_on_request(
    peers: Peers, sdk_gateway: SdkGateway, position: dict[str, Any]
) -> None:
    """With the reject-unrecovered flag a failed recovery is error 112 and no subscription."""
    channel = unique("short:")
    for number in range(1, 8):
        sdk_gateway.api("publish", channel=channel, data=number)
    epoch = sdk_gateway.api("history", channel=channel)["epoch"]
    peer = await peers.connected()

    asked = {"channel": channel, "recover": True, "epoch": epoch, **position}
    refused = await peer.call("subscribe", flag=2, **asked)
    told = await peer.call("subscribe", flag=1, **asked)

    assert refused["error"] == {"code": 112, "message": "unrecoverable_position"}
    assert told["subscribe"]["was_recovering"] is True
    assert not told["subscribe"].get("recovered")


async def test_recovery_is_limited(peers: Peers, sdk_gateway: SdkGateway) -> None:
    """More than 300 missed publications are not recovered, 300 are."""
    channel = unique("kept:")
    commands = [{"publish": {"channel": channel, "data": n}} for n in range(1, 302)]
    sdk_gateway.batch(commands)
    epoch = sdk_gateway.api("history", channel=channel)["epoch"]
    peer = await peers.connected()

    too_many = await peer.call("subscribe", channel=channel, recover=True, offset=0, epoch=epoch)
    await peer.call("unsubscribe", channel=channel)
    enough = await peer.call("subscribe", channel=channel, recover=True, offset=1, epoch=epoch)

    assert not too_many["subscribe"].get("recovered")
    assert enough["subscribe"]["recovered"] is True
    assert len(enough["subscribe"]["publications"]) == 300


async def test_history_limit_is_bounded(peers: Peers, sdk_gateway: SdkGateway) -> None:
    """A history command returns at most 300 publications, and none when it asks for none."""
    channel = unique("kept:")
    sdk_gateway.batch([{"publish": {"channel": channel, "data": n}} for n in range(1, 306)])
    peer = await peers.connected()
    await peer.call("subscribe", channel=channel)

    everything = await peer.call("history", channel=channel, limit=-1)
    nothing = await peer.call("history", channel=channel)

    assert len(everything["history"]["publications"]) == 300
    assert not nothing["history"].get("publications")
    assert nothing["history"]["offset"] == 305


async def test_silent_client_is_closed_after_a_ping(peers: Peers) -> None:
    """A client that answers no ping is closed with 3012."""
    peer = await peers.connected()
    peer.answers_pings = False

    assert await peer.ending() == (3012, "no_pong")


async def test_connection_without_refresh_expires_after_the_grace(peers: Peers) -> None:
    """A token that runs out closes with 3005 once the grace period is over, not before."""
    start = asyncio.get_running_loop().time()
    peer = await peers.connected(token(exp=now() + 3))

    ending = await peer.ending()

    assert ending == (3005, "connection_expired")
    assert asyncio.get_running_loop().time() - start >= 1.0


async def test_subscription_without_refresh_expires_after_the_grace(peers: Peers) -> None:
    """A subscription token that runs out ends the subscription with 2501; the connection lives on."""
    channel = unique("$chat:")
    peer = await peers.connected()

    reply = await peer.call("subscribe", channel=channel, token=token(channel=channel, exp=now() + 3))
    push = await peer.push("unsubscribe")

    assert reply["subscribe"]["expires"] is True
    assert push["channel"] == channel
    assert push["unsubscribe"] == {"code": 2501, "reason": "subscription_token_lapsed"}
    assert "subscribe" in await peer.call("subscribe", channel=channel, token=token(channel=channel))


async def test_refresh_extends_the_connection(peers: Peers) -> None:
    """A fresh token is answered with its new life."""
    peer = await peers.connected(token(exp=now() + 60))

    reply = await peer.call("refresh", token=token(exp=now() + 600))

    assert reply["refresh"]["expires"] is True
    assert 590 <= reply["refresh"]["ttl"] <= 600


async def test_refresh_with_an_expired_token_is_no_terminal_error(peers: Peers) -> None:
    """The SDKs stop for ever at a plain error 109 in a refresh reply: it is close 3005 or a temporary error."""
    peer = await peers.connected(token(exp=now() + 60))

    await peer.send({"id": 7, "refresh": {"token": token(exp=now() - 60)}})
    try:
        reply = await peer.reply()
    except Exception:
        assert peer.socket.close_code == 3005
    else:
        assert reply["error"]["code"] == 109
        assert reply["error"]["temporary"] is True


async def test_sub_refresh_with_an_expired_token_is_temporary(peers: Peers) -> None:
    """The SDKs drop the subscription at a plain error 109 in a sub_refresh reply: it is marked temporary."""
    channel = unique("$chat:")
    peer = await peers.connected()
    await peer.call("subscribe", channel=channel, token=token(channel=channel, exp=now() + 60))

    reply = await peer.call("sub_refresh", channel=channel, token=token(channel=channel, exp=now() - 60))

    assert reply["error"] == {"code": 109, "message": "subscription_token_expired", "temporary": True}


async def test_sub_refresh_extends_the_subscription(peers: Peers) -> None:
    """A fresh subscription token is answered with its new life."""
    channel = unique("$chat:")
    peer = await peers.connected()
    await peer.call("subscribe", channel=channel, token=token(channel=channel, exp=now() + 60))

    reply = await peer.call("sub_refresh", channel=channel, token=token(channel=channel, exp=now() + 600))

    assert reply["sub_refresh"]["expires"] is True
    assert 590 <= reply["sub_refresh"]["ttl"] <= 600


async def test_a_burst_arrives_in_one_frame(peers: Peers, sdk_gateway: SdkGateway) -> None:
    """Publications of one API call arrive in order; each is a line of its own, however many share a frame."""
    channel = unique("chat:")
    peer = await peers.connected()
    await peer.call("subscribe", channel=channel)

    sdk_gateway.batch([{"publish": {"channel": channel, "data": n}} for n in range(100)])
    seen = [(await peer.push("pub"))["pub"]["data"] for _ in range(100)]

    assert seen == list(range(100))


async def test_payloads_pass_unchanged(peers: Peers) -> None:
    """Numbers, escapes and null inside a payload arrive as they were sent."""
    channel = unique("chat:")
    peer = await peers.connected()
    await peer.call("subscribe", channel=channel)
    payload = '{"big":12345678901234567890,"e":1e-7,"s":"\\u00e9\\n","n":null}'

    await peer.socket.send(f'{{"id":50,"publish":{{"channel":"{channel}","data":{payload}}}}}')
    reply = await peer.reply()
    push = await peer.push("pub")

    assert reply == {"id": 50, "publish": {}}
    assert push["pub"]["data"] == json.loads(payload)
