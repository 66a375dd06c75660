"""Pictures of a page for people to look at: wide and narrow, light and dark. Chromium takes them.

paths = pictures.take(page, "login")        # .cache/screenshots/login-wide-light.png and three more
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

from tests.browsers.page import ROOT, Page

FOLDER = ROOT / ".cache" / "screenshots"
SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
SCHEMES = ("light", "dark")


def take(page: Page, name: str) -> list[Path]:
    """Write the four pictures of what the page shows now, and leave it as it was."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    driver: Any = page.driver
    paths = []
    for (size, (width, height)), scheme in product(SIZES.items(), SCHEMES):
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        paths.append(FOLDER / f"{name}-{size}-{scheme}.png")
        assert driver.save_screenshot(str(paths[-1]))
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    return paths
