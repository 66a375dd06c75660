"""What the device does to a page: offline and back, and into the back/forward cache and out of it."""

from __future__ import annotations

import pytest

from tests.browsers.page import Page
from tests.browsers.site import Site
from tests.browsers.traffic import assert_all_once
from tests.browsers.traffic import running as running_traffic
from tests.sdk.support import unique

pytestmark = [pytest.mark.timeout(240), pytest.mark.engines("chromium")]

QUICK = {"minReconnectDelay": 200, "maxReconnectDelay": 1500}


def test_offline_and_back(page: Page, site: Site) -> None:
    """Offline five times under traffic: nothing is lost or doubled, and the page is connected again."""
    page.require_chromium("no other engine can be told to be offline")
    channel = unique("recover:")
    page.start(**QUICK).connected("websocket")
    page.subscribe(channel)
    with running_traffic(site.gateway, channel) as traffic:
        for _ in range(5):
            set_offline(page, True)
            page.wait("!navigator.onLine")
            set_offline(page, False)
            page.wait("navigator.onLine")
        page.connected()
        page.wait("seen.publications.length >= args[0]", traffic.sent + 10)
        last = traffic.stop()

    assert_all_once(page, last)


def test_back_forward_cache(page: Page, site: Site) -> None:
    """A page that comes back from the back/forward cache connects, and has what was published meanwhile."""
    channel = unique("recover:")
    page.start(**QUICK).connected("websocket")
    page.subscribe(channel)
    page.run("addEventListener('pageshow', (event) => { globalThis.wasCached = event.persisted; });")
    page.run("globalThis.isOld = true")
    with running_traffic(site.gateway, channel) as traffic:
        page.wait("seen.publications.length >= 10")
        page.driver.get("about:blank")
        page.driver.back()
        page.wait("location.pathname === '/page' && document.readyState === 'complete'")
        if not page.run("return globalThis.isOld === true"):
            pytest.skip("this browser did not keep the page")
        page.wait("globalThis.wasCached === true")
        page.connected("websocket")
        page.wait("seen.publications.length >= args[0]", traffic.sent + 10)
        last = traffic.stop()

    assert_all_once(page, last)


def set_offline(page: Page, is_offline: bool) -> None:
    """Switch the network of the browser off, or on."""
    conditions = {"offline": is_offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)
