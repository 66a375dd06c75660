"""The gateway's own login from a page: there and back, with what was typed, and out in all tabs at once."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from tests.browsers.page import Page, open_tab
from tests.browsers.site import PASSWORD, Site
from tests.sdk.support import unique

pytestmark = [pytest.mark.timeout(180)]


def log_in(page: Page, user: str, password: str = PASSWORD) -> None:
    """Fill in the form of the login page, and send it."""
    page.wait("document.body.dataset.ready")
    for name, text in (("username", user), ("password", password)):
        page.type_into(page.driver.find_element(By.NAME, name), text)
    page.driver.find_element(By.TAG_NAME, "button").click()


def test_login_and_back(page: Page, site: Site) -> None:
    """Without a session the page goes to the login, once; after it the user is back, and so is what was typed."""
    user = site.add_user(unique("anna"))
    page.open("/page?view=3#part")
    page.wait("typeof window.start === 'function'")
    page.type_into(page.driver.find_element(By.NAME, "note"), "half a sentence")
    page.run("start({ login: true })")

    page.wait("location.pathname === '/login'")
    assert page.run("return new URLSearchParams(location.search).get('reason')") == "session_missing"
    log_in(page, user, "wrong")
    page.wait("document.querySelector('[role=alert]').textContent === 'login_refused'")
    log_in(page, user)

    page.wait("location.pathname === '/page' && typeof window.start === 'function'")
    assert page.run("return location.search + location.hash") == "?view=3#part"
    assert page.run("return document.querySelector('[name=note]').value") == "half a sentence"
    page.start(login=True).connected()
    assert page.run("return (await auth.session()).user.name") == user


def test_signing_out_ends_all_tabs(driver: WebDriver, page: Page, site: Site) -> None:
    """Who signs out in one tab is signed out in the other, which goes to the login and says why."""
    user = site.add_user(unique("anna"))
    page.open("/login?return=/page")
    log_in(page, user)
    page.wait("location.pathname === '/page'")
    page.start(login=True).connected()
    other = open_tab(driver, site.url).open()
    other.start(login=True).connected()

    other.run("await auth.logout()")

    page.focus()
    page.wait("location.pathname === '/login'")
    assert page.run("return new URLSearchParams(location.search).get('reason')") == "signed_out_elsewhere"
