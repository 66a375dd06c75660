"""Fixtures: one site and one browser at a time for all tests of this folder, and a fresh page for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from tests.browsers import drivers
from tests.browsers.page import Page, clean
from tests.browsers.site import Site
from tests.browsers.site import running as running_site
from tests.parts import require


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test in the engines that its `engines` mark names, all by default; in the others in the full proof only."""
    if "driver" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("engines")
    usual = mark.args if mark else drivers.ENGINES
    engines = [pytest.param(e, marks=[] if e in usual else [pytest.mark.proof]) for e in drivers.ENGINES]
    metafunc.parametrize("driver", engines, indirect=True, scope="package")


@pytest.fixture(scope="package")
def shown() -> Iterator[None]:
    """A display, which WebKit needs."""
    with drivers.display():
        yield


@pytest.fixture(scope="package")
def driver(request: pytest.FixtureRequest) -> Iterator[WebDriver]:
    """The browser; the next engine's begins when the last test of this one is over."""
    require(request.param)
    if request.param == "webkit":
        request.getfixturevalue("shown")
    with drivers.running(request.param) as started:
        yield started


@pytest.fixture(scope="package")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site, which ends with the last of these tests."""
    require("haproxy")
    folder: Path = tmp_path_factory.mktemp("site")
    with running_site(folder) as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """The site, whole before and after the test."""
    shared_site.reset()
    if not shared_site.gateway.is_running:
        shared_site.gateway.start()
    shared_site.wait_until_it_serves()
    yield shared_site
    shared_site.reset()


@pytest.fixture
def page(driver: WebDriver, site: Site) -> Iterator[Page]:
    """An open test page that is not connected; nothing may have failed in it unnoticed by the end."""
    page = Page(driver, site.url).open()
    try:
        yield page
        site.reset()
        page.focus()
        assert page.run("return window.seen ? seen.faults : []") == []
    finally:
        site.reset()
        clean(driver, site.url)
