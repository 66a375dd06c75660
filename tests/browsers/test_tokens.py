"""What becomes of a page's tokens: renewed in time, not sent where they cannot be right, fetched once for all tabs."""

from __future__ import annotations

import time

import jwt
import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from tests.browsers.page import Page, open_tab
from tests.browsers.site import Site
from tests.sdk.support import unique

pytestmark = [pytest.mark.timeout(180)]


@pytest.mark.engines("chromium")
def test_token_is_renewed_before_it_expires(page: Page, site: Site) -> None:
    """A connection outlives its tokens: the state never changes."""
    site.answer_tokens(lambda: site.gateway.token("anna", ttl=4))
    channel = unique("full:")
    page.start().connected()
    page.subscribe(channel)
    client = page.run("return service.client")

    page.rest(7)
    site.wait_for_tokens(3)
    site.gateway.call("publish", channel=channel, data="later")
    page.wait("seen.publications.length === 1")

    assert page.run("return service.client") == client
    assert [change["to"] for change in page.seen()["states"]] == ["connecting", "connected"]


@pytest.mark.engines("chromium")
def test_token_that_the_gateway_refuses_is_replaced(page: Page, site: Site) -> None:
    """A token that is expired at the gateway is fetched anew, without the user's doing."""
    tokens = iter([site.gateway.token("anna", ttl=-60)])
    site.answer_tokens(lambda: next(tokens, None) or site.gateway.token("anna"))

    page.start().connected()

    assert site.tokens_fetched == 2


@pytest.mark.parametrize(
    ("given", "slug"),
    [("", "token_empty"), ("abc", "token_malformed"), ("a.b.c", "token_not_base64"), (None, "token_source_malformed")],
)
@pytest.mark.engines("chromium")
def test_token_that_cannot_be_right_is_not_sent(page: Page, site: Site, given: str | None, slug: str) -> None:
    """It has its name before anything is sent, is not asked for in a loop, and a good one cures it."""
    site.answer_tokens(lambda: given)

    page.start()
    page.wait("service.reason !== null || seen.errors.length > 0")
    told = page.run("return (service.reason ?? seen.errors[0]).slug")
    fetched = site.tokens_fetched

    assert told == slug
    assert fetched <= 3

    site.answer_tokens(lambda: site.gateway.token("anna"))
    page.run("service.retryNow()")
    page.connected()


@pytest.mark.engines("firefox", "webkit")
def test_empty_token_is_named(page: Page, site: Site) -> None:
    """In these engines the one case that happens most."""
    site.answer_tokens(lambda: "")

    page.start()

    page.wait("(service.reason ?? seen.errors[0])?.slug === 'token_empty'")


@pytest.mark.engines("chromium")
def test_token_that_no_other_would_cure_asks_for_the_login(page: Page, site: Site) -> None:
    """The gateway's refusal of a signature ends in the login, by name, and in no further attempt."""
    forged = jwt.encode({"sub": "anna", "exp": int(time.time()) + 600}, "another secret of at least thirty-two bytes")
    site.answer_tokens(lambda: forged)

    page.start()
    page.wait("seen.logins.length > 0")

    assert [told["slug"] for told in page.seen()["logins"]] == ["token_wrong_signature"]
    assert page.run("return service.state") == "disconnected"
    assert site.tokens_fetched == 1


@pytest.mark.engines("chromium")
def test_token_endpoint_that_wants_a_login(page: Page, site: Site) -> None:
    """401 of the token endpoint ends in the login at once: no attempt follows."""
    site.answer_tokens(lambda: 401)

    page.start()
    page.wait("seen.logins.length > 0")
    fetched = site.tokens_fetched

    page.rest(2)
    assert page.seen()["logins"] == [
        {"slug": "login_required", "number": page.seen()["logins"][0]["number"], "action": "login"}
    ]
    assert site.tokens_fetched == fetched == 1
    assert page.run("return service.state") == "disconnected"


@pytest.mark.engines("chromium")
def test_tabs_fetch_one_token_for_all(driver: WebDriver, page: Page, site: Site) -> None:
    """While one tab fetches, the others wait for what it gets; so they do at each renewal."""
    site.answer_tokens(lambda: site.gateway.token("anna", ttl=6), seconds=1.5)
    other = open_tab(driver, site.url).open()
    page.focus()
    page.start(share="tabs")
    other.focus()
    other.start(share="tabs").connected()
    page.focus()
    page.connected()
    assert site.tokens_fetched == 1

    # Each of the two renews its token in 4 to 5 s, and the next one as long after that.
    site.wait_for_tokens(2)
    page.rest(2)
    assert site.tokens_fetched == 2
    page.rest(3)
    for tab in (page, other):
        tab.focus()
        assert [change["to"] for change in tab.seen()["states"]] == ["connecting", "connected"]
