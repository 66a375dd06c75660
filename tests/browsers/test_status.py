"""What users see and hear of their connection, found as assistive technology finds it: by role and name."""

from __future__ import annotations

import pytest

from tests.browsers import pictures
from tests.browsers.page import Page
from tests.browsers.site import Site

pytestmark = [pytest.mark.timeout(180)]

QUICK = {"minReconnectDelay": 200, "maxReconnectDelay": 20_000}
# It does not come back by itself while a test looks at it; a notice comes after 3 s without a connection.
SLOW = {"minReconnectDelay": 60_000, "maxReconnectDelay": 60_000}

_PANEL = "document.querySelector('holdfast-status').shadowRoot.getElementById('panel')"


def test_status_tells_of_the_connection(page: Page) -> None:
    """The element is a group with a name, and says in words that there is a connection."""
    page.start(**QUICK).connected()
    page.show_status()

    (group,) = page.by_role("group", "Connection")

    page.wait("args[0].getRootNode().textContent.includes('Connected')", group)


def test_notice_of_a_cut_and_its_button(page: Page, site: Site) -> None:
    """A cut is told after 3 s, once, with a button that tries again; the notice goes with the connection's return."""
    page.start(**SLOW).connected()
    page.show_status()
    page.wait_for_role("region", "Connection notices")

    site.network.cut()
    page.wait_for_role("button", "Dismiss")
    *_, of_the_notice = page.by_role("button", "Try now")
    site.network.heal()
    of_the_notice.click()

    page.connected()
    page.wait_for_none("button", "Dismiss")


@pytest.mark.engines("chromium")
def test_status_speaks_the_language_of_the_page(page: Page) -> None:
    """A page in Brazilian Portuguese has its texts."""
    page.run("document.documentElement.lang = 'pt-BR'")
    page.start(**QUICK).connected()
    page.show_status()

    page.wait_for_role("group", "Conexão")


@pytest.mark.proof
def test_pictures_are_taken(page: Page, site: Site) -> None:
    """Pictures below .cache/screenshots, for people to look at: open, and with a notice, wide, narrow, light, dark."""
    page.start(**SLOW).connected()
    page.show_status()
    page.wait_for_role("group", "Connection")
    page.run(f"{_PANEL}.showPopover()")

    paths = pictures.take(page, "status")
    page.run(f"{_PANEL}.hidePopover()")
    site.network.cut()
    page.wait_for_role("button", "Dismiss")
    paths += pictures.take(page, "notice")

    assert len({path.read_bytes() for path in paths}) == len(paths) >= 4
