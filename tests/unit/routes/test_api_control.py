import pytest
from msgspec import Raw

from holdfast.auth.claims import NO_OVERRIDES, SubscribeOverrides
from holdfast.codes import CODES
from holdfast.connections.control import Target
from holdfast.connections.subscription import Grant
from holdfast.errors import ProtocolError
from holdfast.protocol.messages import NONE, StreamPosition
from holdfast.routes import api_messages as api
from holdfast.routes.api_control import ApiControl, check_close, target_of


class Control:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.calls = []

    def __getattr__(self, name):
        async def note(*args, **options):
            self.calls.append((name, *args, options))

        return note


@pytest.fixture
def control():
    """The control underneath."""
    return Control()


@pytest.fixture
def methods(control):
    """The methods under test."""
    return ApiControl(control)


async def test_subscribe(methods, control):
    """All of a request's terms arrive as a grant."""
    request = api.SubscribeRequest(
        user="u",
        channel="news",
        client="c",
        info=Raw(b'{"i":1}'),
        b64data="e30=",
        expire_at=99,
        recover_since=api.Position(4, "e"),
        override=api.Override(presence=api.Flag(True), force_recovery=api.Flag()),
    )
    assert await methods.subscribe(request) == api.EmptyResult()

    name, target, channel, grant, since, _ = control.calls[0]
    assert (name, target, channel, since) == ("subscribe", Target("u", "c"), "news", StreamPosition(4, "e"))
    assert (bytes(grant.info), bytes(grant.data)) == (b'{"i":1}', b"{}")
    assert (grant.expire_at, grant.server_side, grant.by_token) == (99, True, False)
    assert grant.overrides == SubscribeOverrides(presence=True, force_recovery=False)


async def test_subscribe_plain(methods, control):
    """Without terms the namespace decides."""
    await methods.subscribe(api.SubscribeRequest(user="u", channel="news"))

    assert control.calls == [
        ("subscribe", Target("u"), "news", Grant(NONE, NONE, 0, NO_OVERRIDES, server_side=True), None, {})
    ]


async def test_subscribe_without_channel(methods):
    """A subscription needs a channel."""
    with pytest.raises(ProtocolError, match="`channel`"):
        await methods.subscribe(api.SubscribeRequest(user="u"))


async def test_unsubscribe(methods, control):
    """One channel, or all of them for an empty name."""
    await methods.unsubscribe(api.UnsubscribeRequest(user="u", channel="news", session="s"))
    await methods.unsubscribe(api.UnsubscribeRequest(user="u"))

    assert control.calls == [("unsubscribe", Target("u", "", "s"), "news", {}), ("unsubscribe", Target("u"), "", {})]


async def test_disconnect(methods, control):
    """Without a code it is the gateway's own, with one it is passed on."""
    await methods.disconnect(api.DisconnectRequest(user="u"))
    await methods.disconnect(
        api.DisconnectRequest(user="u", whitelist=["c"], disconnect=api.CloseOrder(4501, "banned"))
    )

    assert control.calls == [
        ("disconnect", Target("u"), 0, "", (), {}),
        ("disconnect", Target("u"), 4501, "banned", ["c"], {}),
    ]


async def test_refresh(methods, control):
    """Another end, or the end; info only where it was given."""
    await methods.refresh(api.RefreshRequest(user="u", expire_at=99))
    await methods.refresh(api.RefreshRequest(user="u", expired=True, info=Raw(b"1")))

    assert control.calls[0] == ("refresh", Target("u"), {"expired": False, "expire_at": 99, "info": None})
    assert control.calls[1][2]["expired"] is True
    assert bytes(control.calls[1][2]["info"]) == b"1"


@pytest.mark.parametrize("method", ["subscribe", "unsubscribe", "disconnect", "refresh"])
async def test_control_without_user(methods, control, method):
    """A request that names nobody is refused, so that a misspelt field cannot hit the anonymous users."""
    request = {
        "subscribe": api.SubscribeRequest(channel="news"),
        "unsubscribe": api.UnsubscribeRequest(channel="news"),
        "disconnect": api.DisconnectRequest(),
        "refresh": api.RefreshRequest(),
    }[method]
    with pytest.raises(ProtocolError, match="`user`"):
        await getattr(methods, method)(request)
    assert control.calls == []


def test_target_of():
    """An empty user is the anonymous one, and a client id is enough by itself."""
    assert target_of(api.DisconnectRequest(user="")) == Target("")
    assert target_of(api.DisconnectRequest(client="c")) == Target("", "c")


@pytest.mark.parametrize("code", [0, 3000, 3001, 3503, 4000, 4099, 4200, 4500, 4599, 4700, 4999])
def test_check_close_allowed(code):
    """The application's own codes pass, and those that Centrifugo itself uses."""
    check_close(api.CloseOrder(code, "bye"))


@pytest.mark.parametrize(
    "code", [1, 1000, 1006, 1009, 1910, 2500, 2999, 3499, 3999, 4100, 4199, 4600, 4699, 5000, 65535]
)
def test_check_close_refused(code):
    """Codes with another meaning are refused, the gateway's own ranges first of all."""
    with pytest.raises(ProtocolError, match=str(code)) as caught:
        check_close(api.CloseOrder(code))
    assert caught.value.slug == "bad_request"


def test_check_close_never_ours():
    """No number that the table gives to a cause of our own can come from outside."""
    for code in CODES.values():
        if code.kind == "close" and code.number >= 4100:
            with pytest.raises(ProtocolError):
                check_close(api.CloseOrder(code.number))


@pytest.mark.parametrize(
    "reason", ['{"reconnect": false}', "123", "null", '"x"', "1e999", '"\\ud800"', " {} ", "x" * 124, "é" * 62]
)
def test_check_close_reason(reason):
    """A reason that is JSON, or too long for a close frame, is refused."""
    with pytest.raises(ProtocolError, match="reason"):
        check_close(api.CloseOrder(4000, reason))


@pytest.mark.parametrize("reason", ["", "plain words", "{not json", "é" * 61, "[" * 100])
def test_check_close_plain_reason(reason):
    """Plain text passes."""
    check_close(api.CloseOrder(4000, reason))
