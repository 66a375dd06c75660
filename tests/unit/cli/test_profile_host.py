"""Tests of holdfast.cli.profile_host."""

import pytest

from holdfast.cli.failure import CliError
from holdfast.cli.profile_host import host_of, this_machine
from holdfast.profile import load


def test_host_of_nothing_is_the_reference_host():
    """Commands print the same on every machine."""
    profile = load("production")

    assert host_of(profile, "", 0, "", None, False) == profile.intents.reference.facts()


def test_host_of_options_wins_over_this_machine():
    """A number that is given counts, the rest is looked up."""
    host = host_of(load("production"), "3GiB", 0, "5.4", ["redis"], True)

    assert (host.memory_bytes, host.kernel, host.roles) == (3 * 1024**3, "5.4", frozenset({"redis"}))
    assert host.cores == this_machine().cores


@pytest.mark.parametrize(("memory", "kernel", "roles"), [("much", "", None), ("", "new", None), ("", "", ["database"])])
def test_host_of_nonsense_is_refused(memory, kernel, roles):
    """What is no host is said so."""
    with pytest.raises(CliError, match="expected"):
        host_of(load("production"), memory, 0, kernel, roles, False)
