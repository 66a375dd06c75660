"""The demo of `make run` behind HAProxy with TLS: every switch does what it says, and the page finds no fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from tests import demo as developers
from tests.browsers import pictures
from tests.browsers.demo_page import DemoPage, leave, open_demo
from tests.browsers.site import launch_haproxy
from tests.demo import Demo, say
from tests.parts import require

pytestmark = [pytest.mark.timeout(300)]

ENVIRON = {
    "HOLDFAST_HTTP__TRUSTED_PROXIES": '["127.0.0.1"]',
    # A busy machine must not make the gateway refuse the page while a switch is tried.
    "HOLDFAST_MONITOR__LOOP_LAG__CRITICAL": "60s",
    # So that a silence is noticed soon.
    "HOLDFAST_CLIENT__PING_INTERVAL": "6s",
    "HOLDFAST_CLIENT__PONG_TIMEOUT": "4s",
}


@pytest.fixture(scope="package")
def demo_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, str]]:
    """A developer's gateway, and the origin of its pages."""
    require("haproxy")
    folder: Path = tmp_path_factory.mktemp("demo")
    with developers.running(folder, ENVIRON) as demo:
        proxy = launch_haproxy(folder, demo.port, demo.port)
        try:
            yield demo, f"https://localhost:{proxy.port}"
        finally:
            proxy.stop()


@pytest.fixture
def login_page(driver: WebDriver, demo_site: tuple[Demo, str]) -> Iterator[DemoPage]:
    """The login of the demo; nothing may have gone wrong in the page by the end of the test."""
    _, origin = demo_site
    page = open_demo(driver, origin)
    try:
        page.wait("location.pathname === '/demo/login.html'")
        yield page
        page.focus()
        assert page.faults() == []
    finally:
        leave(driver, origin)


@pytest.fixture
def page(login_page: DemoPage, demo_site: tuple[Demo, str]) -> DemoPage:
    """The demo with a user who is logged in and connected."""
    return login_page.log_in("alice", demo_site[0].password)


def test_login_says_what_is_wrong(login_page: DemoPage, demo_site: tuple[Demo, str]) -> None:
    """A wrong password has a notice; the right one opens the demo; signing out leads back to the login."""
    login_page.fill_in("alice", "wrong")
    login_page.wait_for_text("#notice", "User name or password is wrong.")

    login_page.log_in("alice", demo_site[0].password)
    cookies = {one["name"]: one for one in login_page.driver.get_cookies()}
    login_page.press("logout")

    login_page.wait("location.pathname === '/demo/login.html'")
    assert all(one["secure"] for name, one in cookies.items() if name != "holdfast_blocked")


@pytest.mark.engines("chromium")
def test_first_visit_leaves_the_console_empty(driver: WebDriver, demo_site: tuple[Demo, str]) -> None:
    """Nobody is logged in, which is no fault."""
    if "chrome" not in driver.capabilities["browserName"].lower():
        pytest.skip("no other driver tells what the console has")
    _, origin = demo_site
    leave(driver, origin)
    driver.get_log("browser")  # type: ignore[attr-defined]  # of Chromium's driver alone
    page = open_demo(driver, origin)
    page.wait("location.pathname === '/demo/login.html'")
    page.wait("performance.getEntriesByType('resource').some(({ name }) => name.includes('/auth/session'))")

    said = [line["message"] for line in driver.get_log("browser")]  # type: ignore[attr-defined]  # as above
    assert [line for line in said if "/auth/" in line] == []


@pytest.mark.engines("chromium")
def test_chat_between_two_windows(driver: WebDriver, page: DemoPage, demo_site: tuple[Demo, str]) -> None:
    """What one writes the other has at once; who is here, and who is typing, is told."""
    demo, origin = demo_site
    page.say("good morning")
    driver.switch_to.new_window("window")
    other = open_demo(driver, origin)
    other.wait_until_ready()
    other.wait_for_text("#messages", "good morning")

    other.say("good evening")

    page.focus()
    page.wait_for_text("#messages", "good evening")
    page.wait_for_text("#people", "2 tabs")
    with demo.connected("bob") as friend:
        say(friend, subscribe={"channel": "lobby"})
        say(friend, subscribe={"channel": "lobby-typing"})
        page.wait_for_text("#people-count", "2 people are here")
        say(friend, publish={"channel": "lobby-typing", "data": {}})
        page.wait_for_text("#typing", "bob is typing")
        message = {"id": "1", "text": "hello from bob", "at": 0}
        say(friend, publish={"channel": "lobby", "data": message})
        page.wait_for_text("#messages", "hello from bob")
    page.wait_for_text("#people-count", "You are alone.")
    assert page.texts()[-3:] == ["good morning", "good evening", "hello from bob"]


@pytest.mark.proof
def test_restart_under_traffic_loses_nothing(page: DemoPage) -> None:
    """The page's own counter says so: nothing lost, nothing twice."""
    page.press("proof")
    page.wait("Number(document.getElementById('proof-received').textContent) >= 3")
    page.press("switch-restart")
    page.wait_for_text("#row-restart .outcome", "back", seconds=90)

    received = page.count("received")
    page.wait("Number(document.getElementById('proof-received').textContent) >= args[0]", received + 3, seconds=60)
    page.press("proof")
    page.wait("document.getElementById('proof-waiting').textContent === '0'")
    assert (page.count("lost"), page.count("doubled")) == (0, 0)
    assert page.count("received") == page.count("sent")


@pytest.mark.engines("chromium")
def test_killed_socket_comes_back(page: DemoPage) -> None:
    """Within seconds, without a word to the user."""
    page.press("switch-kill")

    page.wait_for_text("#row-kill .outcome", "by WebSocket.")
    assert page.by_role("button", "Dismiss") == []


@pytest.mark.engines("chromium")
def test_switch_during_another_says_so(page: DemoPage) -> None:
    """What came before it is not waited for any more, unless the later one could not be done."""
    page.press("switch-silence")
    page.press("switch-kill")
    page.wait_for_text("#row-silence .outcome", "Another switch came before this was over.")
    page.wait_for_text("#row-kill .outcome", "by WebSocket.")

    page.press("switch-offline")
    page.wait_for_text("#row-offline .outcome", "Back when you go online.")
    page.press("switch-kill")
    page.wait_for_text("#row-kill .outcome", "needs an open connection")
    page.press("switch-online")
    page.wait_for_text("#row-offline .outcome", "by WebSocket.")


@pytest.mark.engines("chromium")
def test_offline_messages_wait(page: DemoPage) -> None:
    """What is written offline is sent when the page is back, and the page does not move for it."""
    height = page.run("return document.querySelector('.top').offsetHeight")
    page.press("switch-offline")
    page.wait_for_text("#row-offline .outcome", "Noticed")
    assert page.run("return document.querySelector('.top').offsetHeight") == height
    page.say("written offline")
    page.wait("document.querySelector('.message.pending')")

    page.press("switch-online")

    page.wait_for_way("WebSocket")
    page.wait("!document.querySelector('.message.pending')")
    assert page.texts()[-1] == "written offline"


@pytest.mark.engines("chromium")
def test_expired_token_is_replaced(page: DemoPage) -> None:
    """Error 109 in the log, then a fresh token, without a login."""
    page.press("switch-expire")

    page.wait_for_text("#row-expire .outcome", "by WebSocket.")
    page.wait_for_text("#log-rows", "token_expired")
    assert page.run("return location.pathname") == "/demo/"


@pytest.mark.engines("chromium")
def test_empty_token_stops_and_says_so(page: DemoPage) -> None:
    """Three tries, then words for the user; with tokens again it is back."""
    page.press("switch-empty")
    page.wait_for_text("#log-rows", "token_empty")
    page.wait_for_role("button", "Dismiss")

    page.press("switch-filled")

    page.wait_for_way("WebSocket")


@pytest.mark.proof
def test_blocked_ways_are_gone_round(page: DemoPage) -> None:
    """Without WebSocket it goes on by a stream, without streams by a poll, and nothing that is said is lost."""
    page.press("switch-block")
    page.wait_for_way("HTTP stream", seconds=60)
    page.say("by a stream")
    page.press("switch-unblock")
    page.press("switch-streams")
    page.wait_for_way("Long polling", seconds=120)
    page.say("by a poll")

    page.wait("!document.querySelector('.message.pending')")
    assert page.texts()[-2:] == ["by a stream", "by a poll"]


@pytest.mark.proof
def test_free_way_is_taken_again(page: DemoPage) -> None:
    """Without the filter it is back at the WebSocket before long."""
    page.press("switch-block")
    page.wait_for_way("HTTP stream")

    page.press("switch-unblock")

    page.wait_for_way("WebSocket", seconds=150)


@pytest.mark.proof
def test_silent_gateway_is_left(page: DemoPage) -> None:
    """A socket that stays open and says nothing is replaced within ping interval and 10 s."""
    page.press("switch-silence")

    page.wait_for_text("#row-silence .outcome", "by WebSocket.", seconds=60)


@pytest.mark.proof
def test_slow_network_turns_features_down(page: DemoPage) -> None:
    """Typing and presence step back, and return."""
    page.press("switch-slow")
    page.wait_for_text("#features .down", "Who is typing", seconds=60)
    page.wait_for_text("#row-slow .outcome", "Turned down after")
    page.press("switch-fast")

    page.wait("!document.querySelector('#features .down')", seconds=120)
    page.wait_for_text("#row-slow .outcome", "On again after")


@pytest.mark.proof
def test_pictures_of_the_demo(login_page: DemoPage, demo_site: tuple[Demo, str]) -> None:
    """Pictures of login and demo for people to look at, also in Portuguese."""
    login_page.fill_in("alice", "wrong")
    login_page.wait_for_text("#notice", "User name or password is wrong.")
    paths = pictures.take(login_page, "demo-login")
    login_page.log_in("alice", demo_site[0].password).say("good morning")
    login_page.press("proof")
    login_page.wait("Number(document.getElementById('proof-received').textContent) >= 3")
    paths += pictures.take(login_page, "demo", is_whole=True)
    login_page.run("document.getElementById('language').value = 'pt-br'")
    login_page.run("document.getElementById('language').dispatchEvent(new Event('change'))")
    login_page.wait_for_text("h2", "Saguão")
    paths += pictures.take(login_page, "demo-pt", is_whole=True)

    assert len({path.read_bytes() for path in paths}) == len(paths) >= 6
