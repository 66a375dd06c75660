"""Tests of holdfast.profile.entries."""

from dataclasses import replace

import pytest

from holdfast.profile import HostFacts, ProfileError, expectations, raise_only
from holdfast.profile.entries import PORT_RANGE, RESERVED
from holdfast.profile.load import build, overlay


@pytest.fixture
def expectation(production, facts):
    """One expectation, to be changed."""
    return expectations(production, facts)[0]


def test_expectations_have_numbers_and_no_formula_mode(production, facts):
    """What is calculated is filled in, and compared as the entry says."""
    found = {one.key: one for one in expectations(production, facts)}

    assert found["net.core.somaxconn"].value == 16384
    assert found["net.core.somaxconn"].mode == "min"
    assert found["net.ipv4.tcp_mem"].value == "251658 377487 629145"


def test_expectations_leave_out_what_is_for_other_hosts(production):
    """A Redis host is not asked for a gateway's unit."""
    keys = {one.key for one in expectations(production, HostFacts(16 * 1024**3, 8, roles=frozenset({"redis"})))}

    assert "LimitNOFILE" not in keys


def test_expectations_leave_out_what_the_kernel_is_too_old_for(production):
    """A key that came later is not expected."""
    old = HostFacts(16 * 1024**3, 8, kernel="3.10")

    assert "net.ipv4.tcp_notsent_lowat" not in {one.key for one in expectations(production, old)}


def test_expectations_with_an_unknown_formula_are_refused(production, facts):
    """A misspelt formula is answered with those that there are."""
    wrong = overlay(production.model_dump(mode="json"), {"entries": [{"id": "hf-fd-001", "formula": "nr_opn"}]}, "test")

    with pytest.raises(ProfileError, match="nr_open"):
        expectations(build(wrong, "test"), facts)


@pytest.mark.parametrize(
    ("mode", "wanted", "current", "write"),
    [
        ("min", 10, 5, 10),
        ("min", 10, 20, None),
        ("min", 10, "10", None),
        ("max", 10, 20, 10),
        ("max", 10, 5, None),
        ("exact", 10, 20, 10),
        ("exact", 10, "10", None),
        ("exact", "bbr", "cubic", "bbr"),
        ("min", 10, None, 10),
        ("report", 10, 5, None),
        ("min", "1 2 3", "4\t1\t9", "4 2 9"),
        ("min", "1 2 3", "4 5 6", None),
        ("min", "1 2 3", "4 5", "1 2 3"),
    ],
)
def test_raise_only_never_lowers(expectation, mode, wanted, current, write):
    """What a host has more of stays, each number for itself."""
    assert raise_only(replace(expectation, mode=mode, value=wanted), current) == write


@pytest.mark.parametrize(
    ("current", "write"),
    [("32768 60999", "10240 65535"), ("1024\t60999", "1024 65535"), ("1024 65535", None), ("10240 65535", None)],
)
def test_raise_only_widens_a_port_range(expectation, current, write):
    """A range of ports only grows, at both ends."""
    assert raise_only(replace(expectation, key=PORT_RANGE, mode="min", value="10240 65535"), current) == write


@pytest.mark.parametrize(("current", "write"), [("", "10-12"), ("11", "10-12"), ("5,10-12", None), ("5", "5,10-12")])
def test_raise_only_adds_to_reserved_ports(expectation, current, write):
    """What somebody else reserved stays reserved."""
    assert raise_only(replace(expectation, key=RESERVED, mode="min", value="10-12"), current) == write


@pytest.mark.parametrize("current", ["10-12,5", "12,10-11,5", "5, 10-12"])
def test_raise_only_takes_reserved_ports_in_any_order(expectation, current):
    """A file may name them as it likes; the kernel has the same from it."""
    assert raise_only(replace(expectation, key=RESERVED, mode="min", value="5,10-12"), current) is None


@pytest.mark.parametrize(("key", "current"), [(RESERVED, "8080,http"), (RESERVED, "auto"), (PORT_RANGE, "a b")])
def test_raise_only_writes_over_what_is_no_ports(expectation, key, current):
    """A file may hold anything; what the kernel would refuse is replaced."""
    wanted = "5" if key == RESERVED else "10240 65535"

    assert raise_only(replace(expectation, key=key, mode="min", value=wanted), current) == wanted
