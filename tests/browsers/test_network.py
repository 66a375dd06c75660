"""What the network and the server do to a page: nothing of it loses or doubles a publication."""

from __future__ import annotations

import pytest

from tests.browsers.page import Page
from tests.browsers.site import HTTP_STREAM, SSE, WEBSOCKET, Site
from tests.browsers.traffic import assert_all_once
from tests.browsers.traffic import running as running_traffic
from tests.sdk.support import unique

pytestmark = [pytest.mark.timeout(240)]

# So that a test does not wait for long pauses.
QUICK = {"minReconnectDelay": 200, "maxReconnectDelay": 1500, "maxServerPingDelay": 4000}


@pytest.fixture
def channel(page: Page) -> str:
    """A channel that recovers, followed by the page."""
    name = unique("recover:")
    page.start(**QUICK).connected("websocket")
    page.subscribe(name)
    return name


def test_restart_under_traffic(page: Page, site: Site, channel: str) -> None:
    """A restart of the gateway loses nothing and doubles nothing."""
    with running_traffic(site.gateway, channel) as traffic:
        page.wait("seen.publications.length >= 10")
        site.restart()
        page.connected()
        page.wait("seen.publications.length >= args[0]", traffic.sent + 10)
        last = traffic.stop()

    assert_all_once(page, last)
    assert "connecting" in [change["to"] for change in page.seen()["states"][1:]]


def test_network_cut_and_back(page: Page, site: Site, channel: str) -> None:
    """While nothing gets through the page says so; when it does, it has everything."""
    with running_traffic(site.gateway, channel) as traffic:
        page.wait("seen.publications.length >= 10")
        site.network.cut()
        page.wait("service.state === 'connecting'")
        page.wait("seen.states.at(-1).reason !== null || service.reason !== null")
        site.network.heal()
        page.connected()
        last = traffic.stop()

    assert_all_once(page, last)


@pytest.mark.engines("chromium")
def test_dead_link_is_found(page: Page, site: Site, channel: str) -> None:
    """A link that dies without a word is found by the pings that stay away, within ping interval and what is added."""
    with running_traffic(site.gateway, channel) as traffic:
        page.wait("seen.publications.length >= 10")
        site.network.kill()
        page.wait("service.state === 'connecting'", seconds=3 + 4 + 5)
        site.network.heal()
        page.connected()
        last = traffic.stop()

    assert_all_once(page, last)


def test_blocked_websocket_falls_back(page: Page, site: Site, channel: str) -> None:
    """Where WebSocket is refused a stream takes over, and where streams are refused too, a poll."""
    with running_traffic(site.gateway, channel) as traffic:
        page.wait("seen.publications.length >= 10")
        site.block(WEBSOCKET)
        site.network.drop()
        page.connected("http_stream")
        site.block(HTTP_STREAM, SSE)
        site.network.drop()
        page.connected("poll")
        page.wait("seen.publications.length >= args[0]", traffic.sent)
        last = traffic.stop()

    assert_all_once(page, last)


@pytest.mark.engines("chromium")
def test_free_way_is_taken_again(page: Page, site: Site) -> None:
    """When WebSocket works again the connection moves back to it, and the subscriber notices nothing."""
    site.block(WEBSOCKET, HTTP_STREAM, SSE)
    # As luck has it, a way is tried again as soon as it may be: after 15 s.
    page.start(**QUICK, chance=0).connected("poll")
    channel = unique("recover:")
    page.subscribe(channel)
    before = page.seen()["states"]

    with running_traffic(site.gateway, channel) as traffic:
        site.unblock()
        page.wait("service.transport === 'websocket'", seconds=90)
        page.wait("seen.publications.length >= args[0]", traffic.sent)
        last = traffic.stop()

    assert_all_once(page, last)
    assert page.seen()["states"] == before


@pytest.mark.engines("firefox")
def test_swallowed_websocket_falls_back(page: Page, site: Site) -> None:
    """A filter that swallows the handshake costs the timeout of the handshake, once."""
    site.block(WEBSOCKET, how="swallowed")

    page.start(**QUICK, handshakeTimeout=2000).connected("http_stream")

    channel = unique("recover:")
    page.subscribe(channel)
    site.gateway.call("publish", channel=channel, data=1)
    assert_all_once(page, 1)
