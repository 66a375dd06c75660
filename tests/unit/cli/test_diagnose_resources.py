"""Tests of holdfast.cli.diagnose_resources."""

import os

import httpx
import pytest

from holdfast.cli import diagnose_resources
from holdfast.diagnostics.findings import Diagnosis, Finding

SAID = Diagnosis("resources", (Finding("descriptors", "warning", "Few.", "", "Raise it."),))


@pytest.fixture
def looked(monkeypatch):
    """Which processes were looked at."""
    seen = []

    def local(_loaded, pid, *, is_gateway):
        seen.append((pid, is_gateway))
        return SAID

    monkeypatch.setattr(diagnose_resources, "local", local)
    return seen


def test_the_gateway_answers(cli, fake_gateway, monkeypatch, looked):
    """Where the settings know the admin token and it is alive, and where it is named."""
    fake_gateway.answers["/livez"] = httpx.Response(200)
    fake_gateway.answers[diagnose_resources.ADMIN_PATH] = httpx.Response(200, json=SAID.as_json())
    monkeypatch.setenv("HOLDFAST_ADMIN__TOKEN", "word")

    assert cli("diagnose", "resources").code == 1
    assert fake_gateway.requests[-1].headers["authorization"] == "Bearer word"
    assert cli("diagnose", "resources", "--url", "http://127.0.0.1:8000", "--admin-token", "w").code == 1
    assert looked == []


def test_this_process_stands_in(cli, fake_gateway, monkeypatch, looked):
    """Without an admin token, and where nothing answers."""
    cli("diagnose", "resources")
    fake_gateway.is_down = True
    monkeypatch.setenv("HOLDFAST_ADMIN__TOKEN", "word")
    cli("diagnose", "resources")

    assert looked == [(os.getpid(), False)] * 2


def test_a_named_gateway_must_answer(cli, fake_gateway, looked):
    """Nobody else's limits are shown for it."""
    fake_gateway.is_down = True

    assert cli("diagnose", "resources", "--url", "http://127.0.0.1:8000", "--admin-token", "w").code == 4
    assert looked == []


def test_a_process_is_looked_at(cli, looked):
    """By its id, which must be one."""
    assert cli("diagnose", "resources", "--pid", str(os.getpid())).code == 1
    assert looked == [(os.getpid(), True)]
    assert cli("diagnose", "resources", "--pid", "99999999").code == 3
