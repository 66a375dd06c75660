"""Tests of scripts/deploy/local.py."""

from __future__ import annotations

import json
import stat
from dataclasses import replace

import pytest

import tests.scripts.deploying  # noqa: F401 - makes the next import possible

from deploy import local, target  # isort: skip
from deploy.problems import DeployError  # isort: skip


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a target whose files are in a folder of the test."""
    monkeypatch.setattr(target, "CACHE", tmp_path)
    return replace(target.Target(), set_name="mine")


def test_secrets_stay_once_they_are_made(place):
    """A second deploy changes nothing; nobody else may read them."""
    wheels = place.hosts_folder / "wheels"
    wheels.mkdir(parents=True)
    (wheels / "holdfast-0.1.0-py3-none-any.whl").touch()
    local.prepare(place)
    first = json.loads(place.variables.read_text())
    local.prepare(place)

    assert json.loads(place.variables.read_text()) == first
    assert all(len(secret) == 64 for secret in first["holdfast_secrets"].values())
    assert stat.S_IMODE(place.variables.stat().st_mode) == 0o600
    assert stat.S_IMODE((place.folder / "secrets.json").stat().st_mode) == 0o600


def test_missing_wheel_is_named(place):
    """With the command that makes it."""
    with pytest.raises(DeployError, match="no wheel of the gateway in"):
        local.prepare(place)
