"""Tests of scripts/deploy/stages.py."""

from __future__ import annotations

import pytest

import tests.scripts.deploying  # noqa: F401 - makes the next import possible

from deploy.stages import Stages  # isort: skip


def test_stages_are_announced_and_timed_also_where_one_fails():
    """The table says which one failed, and where the time went."""
    said: list[str] = []
    moments = iter([0.0, 2.0, 2.0, 5.5])
    stages = Stages(said.append, clock=lambda: next(moments))
    with stages.stage("plan", "what would change"):
        pass
    with pytest.raises(ValueError), stages.stage("roll", "one host at a time"):
        raise ValueError

    assert said == ["==> plan: what would change", "==> roll: one host at a time"]
    assert [line.split() for line in stages.table()] == [
        ["Times:"], ["plan", "2.0", "s", "ok"], ["roll", "3.5", "s", "failed"], ["in", "all", "5.5", "s"],
    ]  # fmt: skip
