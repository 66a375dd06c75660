"""What the connections of a listener share."""

from types import SimpleNamespace

from holdfast.server.context import LISTENER, ServerContext
from holdfast.settings import Settings
from tests.sockets import FakeLoop, FakeTransport


def test_context_bounds_requests_and_refused_peers():
    """A request that does not come is told so, a refused peer is dropped, each after its own time."""
    loop = FakeLoop()
    context = ServerContext(Settings(http={"request_timeout": 30}, websocket={"close_timeout": 1}), loop)
    timed_out = []
    waiting = SimpleNamespace(on_request_timeout=lambda: timed_out.append(True))
    refused = FakeTransport()

    context.requests.add(Key(waiting))
    context.refused.add(Key(SimpleNamespace(transport=refused)))
    loop.advance(2)
    assert refused.is_aborted
    assert not timed_out
    loop.advance(30)

    assert timed_out


def test_context_says_which_port_it_is():
    """The application can tell the ports apart."""
    assert ServerContext(Settings(), FakeLoop()).extensions == {LISTENER: "public"}
    assert ServerContext(Settings(), FakeLoop(), "internal").extensions == {LISTENER: "internal"}


def test_context_finds_the_client_behind_trusted_proxies():
    """What is refused before any endpoint is known has the right address all the same."""
    context = ServerContext(Settings(http={"trusted_proxies": ["10.0.0.0/8"]}), FakeLoop())

    assert context.originate("10.0.0.1", "http", [(b"x-forwarded-for", b"203.0.113.9")]).address == "203.0.113.9"


def test_context_lets_go_of_its_timers():
    """Nothing is armed after `clear`."""
    loop = FakeLoop()
    context = ServerContext(Settings(), loop)
    context.requests.add("a")
    context.refused.add("b")
    context.sockets.closing.add("c")

    context.clear()

    assert loop.waiting == 0


class Key:
    """Something hashable that passes attributes through."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)


def test_context_reads_offers_where_somebody_may_want_one():
    """Without compression no time is spent on the extensions that each browser offers."""
    assert not ServerContext(Settings(), FakeLoop()).reads_offers
    assert ServerContext(Settings(websocket={"compression": True}), FakeLoop()).reads_offers
