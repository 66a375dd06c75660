"""Tests of scripts/deploy/confirm.py."""

from __future__ import annotations

import pytest

import tests.scripts.deploying  # noqa: F401 - makes the next import possible

from deploy.confirm import confirm  # isort: skip
from deploy.problems import DeployError, Exit  # isort: skip
from deploy.target import Target  # isort: skip


def nobody(_: str) -> str:
    """Answer no question."""
    raise AssertionError("asked")


def test_local_asks_nobody():
    """Its hosts are made to be tried on."""
    confirm(Target("local"), "", is_terminal=True, ask=nobody)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_production_takes_its_name_alone(is_terminal):
    """No answer on a terminal will do: the command says what it is about."""
    confirm(Target("production"), "production", is_terminal=is_terminal, ask=nobody)
    for given in ("", "yes", "staging"):
        with pytest.raises(DeployError, match="nothing was changed") as error:
            confirm(Target("production"), given, is_terminal=is_terminal, ask=nobody)
        assert error.value.code is Exit.USAGE
        assert error.value.following == "make deploy ENV=production CONFIRM=production"


def test_staging_takes_an_answer_on_a_terminal():
    """And its name where there is none."""
    confirm(Target("staging"), "", is_terminal=True, ask=lambda _: "staging")
    confirm(Target("staging"), "staging", is_terminal=False, ask=nobody)
    with pytest.raises(DeployError, match="not confirmed"):
        confirm(Target("staging"), "", is_terminal=True, ask=lambda _: "no")
    with pytest.raises(DeployError, match="not confirmed"):
        confirm(Target("staging"), "", is_terminal=False, ask=nobody)
