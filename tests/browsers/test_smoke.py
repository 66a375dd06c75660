"""Each browser loads the client from a gateway behind HAProxy with TLS and has live data through it."""

from __future__ import annotations

import pytest

from tests.browsers.page import Page
from tests.browsers.site import Site
from tests.sdk.support import unique

pytestmark = [pytest.mark.timeout(180)]


def test_live_data(page: Page, site: Site) -> None:
    """What the backend publishes arrives, and so does what the page itself publishes."""
    channel = unique("full:")
    page.start().connected("websocket")
    page.subscribe(channel)

    site.gateway.call("publish", channel=channel, data={"from": "backend"})
    page.run("await service.publish(args[0], { from: 'page' })", channel)

    page.wait("seen.publications.length === 2")
    assert page.publications() == [{"from": "backend"}, {"from": "page"}]
