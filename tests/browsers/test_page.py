"""What a browser tells a page, and what the page tells the gateway: leaving and coming back, offline, its log."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browsers.page import Page
from tests.browsers.site import Site
from tests.browsers.traffic import assert_all_once
from tests.browsers.traffic import running as running_traffic
from tests.sdk.support import unique

pytestmark = [pytest.mark.timeout(180)]

QUICK = {"minReconnectDelay": 200, "maxReconnectDelay": 1500}


@pytest.mark.engines("chromium")
def test_lines_of_the_page_are_in_the_log_of_the_gateway(page: Page, site: Site) -> None:
    """After trouble, under the id that both sides have for the attempt."""
    page.start(**QUICK).connected()
    lost = page.run("return service.attempt")

    site.network.drop()
    page.wait("service.state === 'connected' && service.attempt !== args[0]", lost)

    site.gateway.wait_for_event("browser_line", attempt=lost, said="connected")
    site.gateway.wait_for_event("browser_line", attempt=lost, said="connection_closed")
    assert site.gateway.events("connection_closed")[-1]["attempt"] == lost


def test_lines_that_wait_are_sent_on_leaving(page: Page, site: Site) -> None:
    """A page that is left within seconds of the trouble has said what it was."""
    said = unique("left-")
    page.start(**QUICK).connected()
    page.run("await service.sendLog()")
    page.run("service.log.error(args[0]); await new Promise((resolve) => setTimeout(resolve, 300))", said)

    page.driver.get("about:blank")

    site.gateway.wait_for_event("browser_line", said=said)


@pytest.mark.engines("webkit")
def test_page_that_comes_back_from_the_cache_goes_on(page: Page, site: Site) -> None:
    """Who goes to another page and back finds a page that is connected, with what came meanwhile."""
    channel = unique("recover:")
    page.start(**QUICK).connected()
    page.subscribe(channel)
    page.run("window.kept = true")
    with running_traffic(site.gateway, channel) as traffic:
        page.wait("seen.publications.length >= 3")
        page.open("/login")
        page.wait("document.body.dataset.ready")
        page.driver.back()
        page.wait("location.pathname === '/page' && document.readyState === 'complete'")
        if not page.run("return window.kept === true"):
            pytest.skip("this browser did not keep the page")
        page.connected()
        page.wait("seen.publications.length >= args[0]", traffic.sent)
        last = traffic.stop()

    assert_all_once(page, last)


@pytest.mark.engines("chromium")
def test_offline_of_the_browser_is_told_and_ends(page: Page, site: Site) -> None:
    """The browser's own word: users are told that they are offline, and the page is back as soon as they are not."""
    page.require_chromium("no other engine can be told to be offline")
    page.start(minReconnectDelay=20_000, maxReconnectDelay=60_000).connected()
    page.show_status()
    driver: Any = page.driver
    driver.set_network_conditions(offline=True, latency=0, throughput=0)
    try:
        site.network.cut()  # for what is open stays so
        page.wait("!navigator.onLine && service.state === 'connecting'")
        page.wait("document.querySelector('holdfast-status').shadowRoot.textContent.includes('You’re offline')")
        site.network.heal()
    finally:
        driver.delete_network_conditions()

    page.connected("websocket")


@pytest.mark.engines("chromium")
def test_captive_portal_is_named(page: Page, site: Site) -> None:
    """Where everything is answered with a page to sign in to, users are told so, in the status and by a notice."""
    page.start(**QUICK).connected()
    page.show_status()
    page.wait_for_role("group", "Connection")

    site.capture()
    page.wait("(service.reason ?? seen.errors.at(-1))?.slug === 'captive_portal'", seconds=60)
    page.wait("document.querySelector('holdfast-status').shadowRoot.textContent.includes(args[0])", "sign in first")
    site.unblock()

    page.run("service.retryNow()")
    page.connected()
