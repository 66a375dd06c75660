"""Tests of scripts/deploy/audit.py."""

from __future__ import annotations

import json

import pytest

import tests.scripts.deploying  # noqa: F401 - makes the next import possible

from deploy import audit, target  # isort: skip
from deploy.problems import DeployError, Exit  # isort: skip


def test_each_command_leaves_a_line(tmp_path, monkeypatch):
    """Who, what, where, how it ended; whoever called sudo is meant."""
    monkeypatch.setenv("SUDO_USER", "ann")
    for result in ("fine", "found: deploy failed on gw1"):
        audit.note(target.Target("staging"), "deploy", result, 12.34, log=tmp_path / "audit.log")
    lines = [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]

    assert [(line["who"], line["what"], line["environment"], line["result"]) for line in lines] == [
        ("ann", "deploy", "staging", "fine"),
        ("ann", "deploy", "staging", "found: deploy failed on gw1"),
    ]
    assert (tmp_path / "audit.log").stat().st_mode & 0o777 == 0o600


def test_second_command_on_a_target_is_refused(tmp_path, monkeypatch):
    """Two rolls at a time would stop each other's slots."""
    monkeypatch.setattr(target, "CACHE", tmp_path)
    one, other = target.Target("staging"), target.Target("production")

    refused = pytest.raises(DeployError, match="another command works")
    with audit.only_one(one), audit.only_one(other), refused as error, audit.only_one(one):
        pass
    assert error.value.code is Exit.UNKNOWN
    with audit.only_one(one):
        pass
