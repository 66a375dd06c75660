"""Pictures of a page for people to look at: wide and narrow, in Chromium in light and dark.

paths = pictures.take(page, "login")        # .cache/screenshots/login-chrome-wide-light.png and three more
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selenium import webdriver

from tests.browsers.page import ROOT, Page

FOLDER = ROOT / ".cache" / "screenshots"
SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
SCHEMES = ("light", "dark")

# Neither windows nor colours change at once.
_SETTLE = """
const pause = () => new Promise((resolve) => setTimeout(resolve, 200));
let width;
do {
  width = innerWidth;
  await pause();
} while (width !== innerWidth);
const brief = document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime < 2000);
await Promise.allSettled(brief.map((one) => one.finished));
"""


def take(page: Page, name: str, *, is_whole: bool = False) -> list[Path]:
    """Write pictures of what the page shows now; `is_whole` has more than the window, where the browser can."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    browser = page.driver.capabilities["browserName"].split()[0].lower()
    looks = _emulated(page.driver) if browser.startswith("chrom") else _resized(page.driver)
    paths = []
    for look in looks:
        page.run(_SETTLE)
        paths.append(FOLDER / f"{name}-{browser}-{look}.png")
        paths[-1].write_bytes(_whole(page.driver) if is_whole else page.driver.get_screenshot_as_png())
    return paths


def _whole(driver: Any) -> bytes:
    """Return a picture that goes on below the window, whose height it leaves alone."""
    driver.execute_script("scrollTo(0, 0)")
    if isinstance(driver, webdriver.Firefox):
        return driver.get_full_page_screenshot_as_png()
    if isinstance(driver, webdriver.Chrome):
        width, height = driver.execute_script("return [innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        return base64.b64decode(shot["data"])
    return bytes(driver.get_screenshot_as_png())


def _resized(driver: Any) -> Iterator[str]:
    """Windows become as narrow as the browser lets them; ends with the usual size."""
    for size in reversed(SIZES):
        driver.set_window_size(*SIZES[size])
        yield size


def _emulated(driver: Any) -> Iterator[str]:
    for size, (width, height) in SIZES.items():
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
        for scheme in SCHEMES:
            feature = {"name": "prefers-color-scheme", "value": scheme}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
            yield f"{size}-{scheme}"
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
