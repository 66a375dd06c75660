"""A page in a browser, as tests drive it: run a function in it, wait for what it shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import (
    JavascriptException,
    NoSuchWindowException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
TRIES = 5

# The page's promise becomes the answer; what it rejects with is told, instead of a timeout.
_RUN = """
const done = arguments[arguments.length - 1];
(async (...args) => { %s })(...[...arguments].slice(0, -1)).then(
  (value) => done({ value: value === undefined ? null : value }),
  (fault) => done({ fault: String(fault && fault.stack || fault) }),
);
"""

# What may have a role, with all open shadow trees.
_EVERYTHING = """
const shadows = (one) => (one.shadowRoot ? within(one.shadowRoot) : []);
const within = (root) => [...root.querySelectorAll('*')].flatMap((one) => [one, ...shadows(one)]);
return within(document.body).filter((one) => one.matches('[role], button, a, details, summary'));
"""


class Page:
    """One tab."""

    def __init__(self, driver: WebDriver, origin: str) -> None:
        self.driver = driver
        self.origin = origin
        self.handle = driver.current_window_handle

    def require_chromium(self, reason: str) -> None:
        """Skip the test in any other engine."""
        if "chrome" not in self.driver.capabilities["browserName"].lower():
            pytest.skip(reason)

    def open(self, path: str = "/page") -> Page:
        """Go to a page of the site."""
        self.focus()
        self.driver.get(f"{self.origin}{path}")
        return self

    def focus(self) -> None:
        """Make this the tab that is driven."""
        self.driver.switch_to.window(self.handle)

    def run(self, body: str, *args: Any) -> Any:
        """Run the body of an async function in the page, `args` its arguments, and return what it returns."""
        answer = self.driver.execute_async_script(_RUN % body, *args)
        if answer is None:
            raise JavascriptException("the page went away meanwhile")
        assert "fault" not in answer, f"{body}\n{answer.get('fault')}"
        return answer["value"]

    def wait(self, expression: str, *args: Any, seconds: float = PATIENCE_SECONDS) -> Any:
        """Wait until an expression is true in the page and return its value."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                value = self.run(f"return ({expression})", *args)
            except JavascriptException:  # between two documents
                value = None
            if value:
                return value
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {expression}\n{self.story()}"
            time.sleep(0.1)

    def story(self) -> str:
        """Return what the test page has seen, for the report of a failure."""
        try:
            return str(self.run("return window.seen ? JSON.stringify(seen, null, 1) : document.body.innerText"))
        except (AssertionError, WebDriverException) as error:
            return f"the page says nothing: {error}"

    # What the test page does; see pages/page.js

    def start(self, **options: Any) -> Page:
        """Make a service with these options and connect it."""
        self.wait("typeof window.start === 'function'")
        self.run("start(args[0])", options)
        return self

    def subscribe(self, channel: str, **options: Any) -> None:
        """Subscribe and return when it is done."""
        self.run("await follow(args[0], args[1])", channel, options)

    def type_into(self, field: WebElement, text: str) -> None:
        """Let a field hold this text; WebKit's driver loses keys on a busy machine."""
        for _ in range(TRIES):
            field.clear()
            field.send_keys(text)
            if self.run("return args[0].value", field) == text:
                return
        raise AssertionError(f"the field never held {text!r}\n{self.story()}")

    def rest(self, seconds: float) -> None:
        """Let so much of the page's time pass."""
        self.run("await new Promise((resolve) => setTimeout(resolve, args[0]))", seconds * 1000)

    def connected(self, transport: str | None = None) -> None:
        """Wait for a connection, over this transport if one is named."""
        condition = "service.state === 'connected'"
        self.wait(condition if transport is None else f"{condition} && service.transport === '{transport}'")

    def publications(self) -> list[Any]:
        """Return the data of what came, in order."""
        return list(self.run("return seen.publications"))

    def show_status(self) -> None:
        """Show the status element and notices of the service."""
        self.run("await (await import('/client/status/index.js')).showStatus(service, { into: document.body })")

    # What assistive technology finds

    def by_role(self, role: str, name: str) -> list[WebElement]:
        """Return the elements that show, also in shadow trees, with this role and accessible name."""
        found: list[WebElement] = self.driver.execute_script(_EVERYTHING)
        return [one for one in found if _is_there(one) and one.aria_role == role and one.accessible_name == name]

    def wait_for_role(self, role: str, name: str) -> WebElement:
        """Wait for such an element."""
        return self._wait_for(role, name, lambda found: len(found) > 0)[0]

    def wait_for_none(self, role: str, name: str) -> None:
        """Wait until there is none."""
        self._wait_for(role, name, lambda found: not found)

    def _wait_for(self, role: str, name: str, fits: Callable[[list[WebElement]], bool]) -> list[WebElement]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = self.by_role(role, name)
            if fits(found):
                return found
            assert time.monotonic() < deadline, f"{role} {name!r}: {len(found)} of them\n{self.story()}"
            time.sleep(0.1)

    def seen(self) -> dict[str, Any]:
        """Return everything that the page noted."""
        return dict(self.run("return seen"))


def _is_there(element: WebElement) -> bool:
    try:
        return element.is_displayed()
    except StaleElementReferenceException:
        return False


def open_tab(driver: WebDriver, origin: str) -> Page:
    """Open another tab, which is the one that is driven from here on."""
    driver.switch_to.new_window("tab")
    return Page(driver, origin)


def clean(driver: WebDriver, origin: str) -> None:
    """Leave one empty tab, and nothing that pages of the origin have stored."""
    first, *others = driver.window_handles
    for handle in others:
        driver.switch_to.window(handle)
        driver.close()
    driver.switch_to.window(first)
    try:
        driver.get(f"{origin}/page?idle")
        driver.execute_script("localStorage.clear(); sessionStorage.clear();")
        driver.delete_all_cookies()
    except (NoSuchWindowException, JavascriptException):
        pass
    driver.get("about:blank")
