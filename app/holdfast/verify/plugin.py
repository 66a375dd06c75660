"""The options of `pytest --pyargs holdfast.verify`, a test for each control and host, facts once a host.

Loaded by pytest wherever the package is installed, so that it imports nothing of it before a test asks for it.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from holdfast.verify.fleet import Fleet
    from holdfast.verify.judge import Result

FLEET: pytest.StashKey[Fleet] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what this needs to know; hosts and how to reach them are testinfra's options."""
    group = parser.getgroup("holdfast")
    group.addoption("--holdfast-profile", default="production", help="A shipped profile, or the path of a file.")
    group.addoption("--holdfast-waivers", default="", help="File of waivers: drift that is put up with, until when.")
    group.addoption(
        "--holdfast-roles",
        default="",
        help="Such as `gw*=gateway,lb1=load_balancer`, or one for all hosts; else from the inventory's groups.",
    )
    group.addoption(
        "--holdfast-wait", default=2.0, type=float, help="Seconds between two readings of counters that must not grow."
    )
    group.addoption(
        "--holdfast-state", default="", help="File that keeps counters, to find what grew since the last run."
    )
    if importlib.util.find_spec("testinfra") is None:
        # So that what follows says what is missing, instead of pytest that it does not know them.
        for name in ("--hosts", "--ssh-config", "--ansible-inventory"):
            group.addoption(name, help="Needs pytest-testinfra: pip install 'holdfast[infra]'.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each control for each host with a role that has it."""
    if "holdfast_result" not in metafunc.fixturenames:
        return
    pairs = fleet(metafunc.config).pairs()
    metafunc.parametrize("holdfast_result", pairs, ids=[f"{host}-{control}" for host, control in pairs], indirect=True)


def fleet(config: pytest.Config) -> Fleet:
    """Return the hosts of this run, put together once."""
    if FLEET not in config.stash:
        from holdfast.errors import ConfigError
        from holdfast.verify.fleet import Fleet, FleetError

        try:
            config.stash[FLEET] = Fleet.of(config.getoption)
        except (ConfigError, FleetError) as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[FLEET]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Keep what counters had for the next run; reports are written by now."""
    made = config.stash.get(FLEET, None)
    try:
        if made is not None:
            made.remember()
    except OSError as error:
        terminalreporter.write_line(f"--holdfast-state: expected to write what counters had there: {error}", red=True)


@pytest.fixture
def holdfast_result(request: pytest.FixtureRequest) -> Result:
    """Return what a control came to on a host."""
    host, control = request.param
    return fleet(request.config).result(host, control)
