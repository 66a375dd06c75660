"""Pictures of a page for people to look at: wide and narrow, in Chromium in light and dark.

paths = pictures.take(page, "login")        # .cache/screenshots/login-chrome-wide-light.png and three more
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.browsers.page import ROOT, Page

FOLDER = ROOT / ".cache" / "screenshots"
SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
SCHEMES = ("light", "dark")

# Colours change in a moment, but not at once.
_SETTLE = """
const brief = document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime < 2000);
await Promise.allSettled(brief.map((one) => one.finished));
"""


def take(page: Page, name: str, *, is_whole: bool = False) -> list[Path]:
    """Write pictures of what the page shows now, in Chromium of the whole page if wanted, and leave it as it was."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    browser = page.driver.capabilities["browserName"].split()[0].lower()
    looks = _emulated(page.driver, is_whole) if browser.startswith("chrom") else _resized(page.driver)
    paths = []
    for look in looks:
        page.run(_SETTLE)
        paths.append(FOLDER / f"{name}-{browser}-{look}.png")
        assert page.driver.save_screenshot(str(paths[-1]))
    return paths


def _resized(driver: Any) -> Iterator[str]:
    """Windows become as narrow as the browser lets them; ends with the usual size."""
    for size in reversed(SIZES):
        driver.set_window_size(*SIZES[size])
        yield size


def _emulated(driver: Any, is_whole: bool) -> Iterator[str]:
    for size, (width, height) in SIZES.items():
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
        if is_whole:
            shape["height"] = driver.execute_script("return document.documentElement.scrollHeight")
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
        for scheme in SCHEMES:
            feature = {"name": "prefers-color-scheme", "value": scheme}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
            yield f"{size}-{scheme}"
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
