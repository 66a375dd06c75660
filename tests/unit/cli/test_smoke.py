"""Tests of holdfast.cli.smoke."""

from __future__ import annotations

import httpx
import pytest

from holdfast.cli.conversation import Noticed, Received, Refused
from holdfast.cli.smoke import Smoke

SETTINGS = "token: {hmac_secret: '0123456789abcdef0123456789abcdef'}\napi: {keys: [key]}\n"


class FakeFollower:
    """Plays one client: connected and subscribed, then what the test says."""

    events: tuple = ()

    def __init__(self, url, channels, tokens, show, delay, *, reconnects):
        self.show, self.channels = show, channels
        assert tokens.connection()
        assert not reconnects

    async def run(self):
        for event in (Noticed("connected as client c"), Noticed(f"{self.channels[0]}: subscribed"), *self.events):
            self.show(event)


@pytest.fixture
def gateway(fake_gateway, monkeypatch, tmp_path):
    """A gateway where all is well."""
    (tmp_path / "holdfast.yaml").write_text(SETTINGS)
    monkeypatch.setattr("holdfast.cli.follow.Follower", FakeFollower)
    monkeypatch.setattr("holdfast.cli.smoke.os.urandom", lambda size: bytes(size))
    received = Received("holdfast-test", {"smoke": "0" * 12})
    monkeypatch.setattr(FakeFollower, "events", (received, Refused("force_disconnect", 3503, is_final=True)))
    fake_gateway.answers |= {
        "/readyz": httpx.Response(200),
        "/metrics": httpx.Response(200, text="# HELP process_max_fds x\nprocess_max_fds 20000.0\n"),
    }
    fake_gateway.result("publish", {})
    fake_gateway.result("disconnect", {})
    return fake_gateway


def outcomes(outcome) -> dict[str, str]:
    """Return what became of each check."""
    return {one["name"]: one["outcome"] for one in outcome.json()["checks"]}


def test_smoke_walks_the_whole_way(cli, gateway):
    """Ready, descriptors, connect, subscribe, publish, receive, disconnect, close code: all fine."""
    outcome = cli("smoke", "--json", "--descriptors", "20000")

    assert outcome.code == 0
    assert set(outcomes(outcome).values()) == {"ok"}
    assert list(outcomes(outcome)) == [
        "ready", "descriptors", "connect", "subscribe", "publish", "receive", "disconnect", "close",
    ]  # fmt: skip


def test_smoke_asks_the_ports_that_are_named(cli, gateway):
    """Health and API at the internal URL, with the key of the settings."""
    cli("smoke", "--url", "http://front:8000", "--internal-url", "http://inside:9000")

    assert {request.url.host for request in gateway.requests} == {"inside"}
    assert gateway.requests[-1].headers["X-API-Key"] == "key"


def test_smoke_of_an_instance_that_is_not_ready(cli, gateway):
    """Ends there, with what the gateway said."""
    gateway.answers["/readyz"] = httpx.Response(503, text="draining")

    outcome = cli("smoke")

    assert outcome.code == 2
    assert "draining" in outcome.out
    assert "connect" not in outcome.out


def test_smoke_with_too_few_descriptors(cli, gateway):
    """The number that was expected, and the one that there is."""
    outcome = cli("smoke", "--descriptors", "84992")

    assert outcome.code == 2
    assert "20000 open files allowed: expected 84992" in outcome.out


def test_smoke_with_another_close_code(cli, gateway, monkeypatch):
    """A proxy that cuts instead of passing the close on is found."""
    monkeypatch.setattr(FakeFollower, "events", (FakeFollower.events[0], Refused("gone", 1006, is_final=False)))

    outcome = cli("smoke", "--json")

    assert outcome.code == 2
    assert outcomes(outcome)["close"] == "failed"


def test_smoke_where_the_channel_is_refused(cli, gateway, monkeypatch):
    """The first end is the reason."""
    monkeypatch.setattr(FakeFollower, "events", (Refused("permission_denied", 103, is_final=True),))

    outcome = cli("smoke")

    assert outcome.code == 2
    assert "permission_denied (103)" in outcome.out


def test_smoke_where_the_api_refuses(cli, gateway):
    """Its error is passed on."""
    gateway.answers["/api/publish"] = httpx.Response(401, json={"slug": "api_key_wrong", "code": 401})

    outcome = cli("smoke", "--json")

    assert outcome.code == 2
    assert outcomes(outcome)["publish"] == "failed"


def test_smoke_without_a_secret_says_so(cli, gateway, tmp_path):
    """Where tokens come from elsewhere, health and descriptors are all that can be tried."""
    (tmp_path / "holdfast.yaml").write_text("api: {keys: [key]}\n")

    assert outcomes(cli("smoke", "--json"))["connect"] == "skipped"


def test_smoke_without_a_key_says_so(cli, gateway, tmp_path):
    """Nothing can be published."""
    (tmp_path / "holdfast.yaml").write_text(SETTINGS.splitlines()[0])

    assert "api.keys" in cli("smoke").out


async def test_smoke_waits_no_longer_than_it_may(gateway):
    """Silence is a failure with the name of the step."""
    import asyncio

    from holdfast.cli.failure import CliError
    from holdfast.cli.place import Place

    trial = Smoke(Place("http://a", "http://a"), "c", patience=0.01)
    with pytest.raises(CliError, match="receive failed: nothing within"):
        await trial._wait("receive", asyncio.Queue(), lambda _: True)
