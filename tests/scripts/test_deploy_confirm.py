"""Tests of scripts/deploy/confirm.py."""

from __future__ import annotations

import pytest

import tests.scripts.deploying  # noqa: F401 - makes the next import possible

from deploy.confirm import confirm  # isort: skip
from deploy.problems import DeployError, Exit  # isort: skip
from deploy.target import Target  # isort: skip

AGAIN = "make rollback ENV=production"


def nobody(_: str) -> str:
    """Answer no question."""
    raise AssertionError("asked")


def test_local_asks_nobody():
    """Its hosts are made to be tried on."""
    confirm(Target("local"), AGAIN, "", is_terminal=True, ask=nobody)


def test_inventory_is_confirmed_also_where_env_was_left_out(tmp_path):
    """Hosts of somebody's own are not those that are made to be tried on."""
    own = Target("local", tmp_path)

    confirm(own, AGAIN, "local", is_terminal=False, ask=nobody)
    with pytest.raises(DeployError, match="local was not confirmed"):
        confirm(own, AGAIN, "", is_terminal=False, ask=nobody)


def test_answer_that_ends_is_none():
    """Ctrl-D is no yes."""

    def end(_: str) -> str:
        raise EOFError

    with pytest.raises(DeployError, match="not confirmed"):
        confirm(Target("staging"), AGAIN, "", is_terminal=True, ask=end)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_production_takes_its_name_alone(is_terminal):
    """No answer on a terminal will do: the command says what it is about."""
    confirm(Target("production"), AGAIN, "production", is_terminal=is_terminal, ask=nobody)
    for given in ("", "yes", "staging"):
        with pytest.raises(DeployError, match="nothing was changed") as error:
            confirm(Target("production"), AGAIN, given, is_terminal=is_terminal, ask=nobody)
        assert error.value.code is Exit.USAGE
        assert error.value.following == f"{AGAIN} CONFIRM=production"


def test_staging_takes_an_answer_on_a_terminal():
    """And its name where there is none."""
    confirm(Target("staging"), AGAIN, "", is_terminal=True, ask=lambda _: "staging")
    confirm(Target("staging"), AGAIN, "staging", is_terminal=False, ask=nobody)
    with pytest.raises(DeployError, match="not confirmed"):
        confirm(Target("staging"), AGAIN, "", is_terminal=True, ask=lambda _: "no")
    with pytest.raises(DeployError, match="not confirmed"):
        confirm(Target("staging"), AGAIN, "", is_terminal=False, ask=nobody)
