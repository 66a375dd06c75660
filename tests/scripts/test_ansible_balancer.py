"""What HAProxy's statistics say."""

from __future__ import annotations

import pytest

from tests.scripts.collection import plugin

balancer = plugin("modules.balancer")
STATISTICS = """# pxname,svname,scur,status,
clients,FRONTEND,3,OPEN,
gateways,gw1-1a,2,UP,
gateways,gw1-1b,0,UP 1/2,
gateways,BACKEND,2,UP,
"""
ROWS = balancer.rows_of(STATISTICS, "gateways")


def test_server_that_is_up_and_enough_connections_are_fine() -> None:
    """Nothing is missing then."""
    assert balancer.missing(ROWS, "gateways", ["gw1-1a"], 2) == ""


def test_server_that_fails_its_checks_is_not_up() -> None:
    """One bad check is one too many to send clients there."""
    assert balancer.missing(ROWS, "gateways", ["gw1-1b"], 0) == "gw1-1b is UP 1/2"


def test_missing_connections_are_counted() -> None:
    """How many are back is said."""
    assert balancer.missing(ROWS, "gateways", [], 5) == "2 of 5 connections are back"


def test_unknown_server_ends_the_wait() -> None:
    """A configuration that lacks the server would never have it up."""
    with pytest.raises(balancer.BalancerError, match="no server gw2-1a"):
        balancer.missing(ROWS, "gateways", ["gw2-1a"], 0)
