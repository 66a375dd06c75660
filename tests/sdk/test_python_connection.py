"""The stock Python SDK: connecting, tokens and their refresh, goodbyes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from centrifuge import Client, ClientState, ReplyError, UnauthorizedError

from tests.sdk.clients import Clients
from tests.sdk.gateway import SdkGateway
from tests.sdk.support import Network, now, token, unique, until


def tokens(*given: str) -> Any:
    """Return a get_token that gives these in turn, and the last for ever."""
    left: Iterator[str] = iter(given)

    async def get_token() -> str:
        return next(left, given[-1])

    return get_token


async def test_token_connects(clients: Clients) -> None:
    """A valid token connects and the server names the client."""
    client, events = await clients.connected()

    assert client.state == ClientState.CONNECTED
    assert events.all["connected"][0].client


async def test_get_token_connects(clients: Clients) -> None:
    """Without a token the SDK fetches one."""
    client, _ = await clients.connected(token="", get_token=tokens(token()))

    assert client.state == ClientState.CONNECTED


async def test_token_may_come_with_the_handshake(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """A token in the Authorization header or in the URL connects like one in the connect command."""
    by_header, _ = await clients.connected(token="", headers={"Authorization": f"Bearer {token()}"})
    by_url, _ = await clients.connected(f"{sdk_gateway.ws_url}?token={token()}", token="")

    assert by_header.state == by_url.state == ClientState.CONNECTED


async def test_protobuf_connects(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """The SDK asks for Protobuf by subprotocol; the address may ask for it too."""
    client, _ = await clients.connected(use_protobuf=True)
    by_query, _ = await clients.connected(f"{sdk_gateway.ws_url}?format=protobuf", use_protobuf=True)

    assert client.state == by_query.state == ClientState.CONNECTED


async def test_expired_token_is_replaced(clients: Clients) -> None:
    """Error 109 makes the SDK fetch a fresh token and connect with it."""
    client, events = await clients.connected(token=token(exp=now() - 60), get_token=tokens(token()))

    error = await events.next("error")
    assert client.state == ClientState.CONNECTED
    assert isinstance(error.error, ReplyError)
    assert (error.error.code, error.error.message) == (109, "token_expired")


@pytest.mark.parametrize(
    ("given", "code", "reason"),
    [
        ("not-a-token", 3500, "token_malformed"),
        ("a.b.c", 3500, "token_not_base64"),
        (token(secret="another-secret-of-at-least-thirty-two-bytes"), 3500, "token_wrong_signature"),
        ("", 3501, "token_missing"),
        ("null", 3501, "token_empty"),
        ("   ", 3501, "token_empty"),
    ],
)
async def test_incurable_token_ends_for_good(clients: Clients, given: str, code: int, reason: str) -> None:
    """A token that no retry cures disconnects with its own cause, and the SDK stays away."""
    client, events = clients.make(token=given)

    await client.connect()
    ended = await events.next("disconnected")

    assert (ended.code, ended.reason) == (code, reason)
    assert client.state == ClientState.DISCONNECTED


async def test_get_token_that_is_unauthorized_ends_for_good(clients: Clients) -> None:
    """The application may say in get_token that there is no login any more."""

    async def get_token() -> str:
        raise UnauthorizedError

    client, events = clients.make(token="", get_token=get_token)
    await client.connect()

    assert (await events.next("disconnected")).reason == "unauthorized"


async def test_token_is_refreshed_in_band(clients: Clients) -> None:
    """A connection outlives its tokens without reconnecting."""
    asked = 0

    async def get_token() -> str:
        nonlocal asked
        asked += 1
        return token(exp=now() + 2)

    client, events = await clients.connected(token="", get_token=get_token)
    await until(lambda: asked >= 3, "the third token")
    await asyncio.sleep(0.5)

    assert client.state == ClientState.CONNECTED
    assert len(events.all["connecting"]) == 1


async def test_refresh_by_another_user_ends_for_good(clients: Clients) -> None:
    """A connection cannot change hands by a refresh."""
    _, events = await clients.connected(token=token(exp=now() + 2), get_token=tokens(token(sub="mallory")))

    ended = await events.next("disconnected")

    assert (ended.code, ended.reason) == (3500, "token_wrong_user")


async def test_silent_network_is_noticed(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """Without pings the SDK reconnects by itself."""
    async with Network(sdk_gateway.ws_url) as network:
        client, events = await clients.connected(url=network.url, max_server_ping_delay=0.3)
        network.stalled = True

        lost = await events.next("connecting", lambda ctx: ctx.code == 2)
        network.stalled = False
        await client.ready(8)

        assert lost.reason == "no ping"


@pytest.mark.parametrize(("code", "event"), [(4003, "connecting"), (4503, "disconnected")])
async def test_api_disconnect_by_code(clients: Clients, sdk_gateway: SdkGateway, code: int, event: str) -> None:
    """Codes below 4500 reconnect, codes from 4500 on are final."""
    user = unique("user")
    client, events = await clients.connected(token=token(sub=user))

    sdk_gateway.api("disconnect", user=user, disconnect={"code": code, "reason": "because"})
    ctx = await events.next(event, lambda ctx: ctx.code == code)

    assert ctx.reason == "because"
    if event == "connecting":
        await client.ready(8)


async def test_rpc_has_nobody_to_answer_it(client: Client) -> None:
    """An rpc call ends in a named error."""
    with pytest.raises(ReplyError) as caught:
        await client.rpc("anything", {})

    assert (caught.value.code, caught.value.message) == (108, "not_available")
