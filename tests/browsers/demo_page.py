"""The demo as one uses it: its login, its chat and its switches."""

from __future__ import annotations

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver

from tests.browsers.page import Page, clean

# What a page may find fault with, noted from here on.
_WATCH = """
window.faults = [];
addEventListener('error', (event) => faults.push(event.message));
addEventListener('unhandledrejection', (event) => faults.push(String(event.reason)));
document.addEventListener('securitypolicyviolation', (event) => faults.push(`${event.effectiveDirective} forbids it`));
"""
# Of the browser's console: answers that are no success, and sockets that end, are what the switches are for.
_EXPECTED = ("Failed to load resource", "WebSocket connection to", "net::ERR_")


class DemoPage(Page):
    """One tab with the demo."""

    def log_in(self, user: str, password: str) -> DemoPage:
        """Log in at the form, and return when the demo is there and connected."""
        self.fill_in(user, password)
        self.wait_until_ready()
        return self

    def fill_in(self, user: str, password: str) -> None:
        """Send the form of the login page."""
        self.wait("document.querySelector('#login .primary')?.disabled === false")
        for name, text in (("username", user), ("password", password)):
            self.type_into(self.driver.find_element(By.ID, name), text)
        self.driver.find_element(By.CSS_SELECTOR, "#login .primary").click()

    def wait_until_ready(self) -> None:
        """Wait for the user's name, the connection and the list of who is here."""
        self.wait("location.pathname === '/demo/' && !document.body.classList.contains('waiting')")
        self.wait_for_text("#people", "(you)")
        self.wait_for_way("WebSocket")
        self.run(_WATCH)

    def press(self, name: str) -> None:
        """Press a switch, or another button, by its id, once it is shown; that of the way back is behind the other."""
        shown = "document.getElementById(args[0])?.getClientRects().length > 0"
        self.wait(f"{shown} && !document.getElementById(args[0]).disabled", name)
        self.run("document.getElementById(args[0]).scrollIntoView({ block: 'center' })", name)
        self.driver.find_element(By.ID, name).click()

    def say(self, text: str) -> None:
        """Write a message and send it."""
        field = self.driver.find_element(By.ID, "text")
        field.send_keys(text, Keys.ENTER)

    def texts(self) -> list[str]:
        """Return the messages that are shown, in order."""
        return list(self.run("return [...document.querySelectorAll('.message p')].map((one) => one.textContent)"))

    def count(self, name: str) -> int:
        """Return a number of "Nothing lost"."""
        return int(self.run("return document.getElementById(`proof-${args[0]}`).textContent", name))

    def wait_for_text(self, selector: str, text: str, seconds: float = 60) -> None:
        """Wait until an element says something."""
        found = "document.querySelector(args[0])?.textContent.includes(args[1])"
        self.wait(found, selector, text, seconds=seconds)

    def wait_for_way(self, name: str, seconds: float = 60) -> None:
        """Wait until it is connected by this transport."""
        self.wait_for_text("#ways [aria-current]", name, seconds)

    def faults(self) -> list[str]:
        """Return what the page, and in Chromium the browser's console, found fault with."""
        found = list(self.run("return window.faults ?? []"))
        if "chrome" in self.driver.capabilities["browserName"].lower():
            said = [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
            found += [line for line in said if not any(expected in line for expected in _EXPECTED)]
        return found


# A browser driver forgets the cookies of the present path alone.
_LEAVE = """
const post = (path) => fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
await post('/auth/dev/block');
await post('/auth/logout');
"""


def leave(driver: WebDriver, origin: str) -> None:
    """Sign out and end every filter, and leave one empty tab."""
    driver.switch_to.window(driver.window_handles[0])
    Page(driver, origin).open("/page?idle").run(_LEAVE)
    clean(driver, origin)


def open_demo(driver: WebDriver, origin: str) -> DemoPage:
    """Go to the demo in the present tab."""
    page = DemoPage(driver, origin)
    page.open("/demo")
    return page
