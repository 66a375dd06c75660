"""Tests of scripts/hosts/model.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from hosts.model import HostSet, check_prefix, check_set_name
from hosts.shell import HostsError


def local(folder: Path = Path("/cache/local"), number: int = 0) -> HostSet:
    """Return a set."""
    return HostSet("local", number, "10.77", folder)


@pytest.mark.parametrize(
    ("name", "address"),
    [("gw1", "10.77.0.11"), ("gw2", "10.77.0.12"), ("lb1", "10.77.0.21"), ("redis1", "10.77.0.31")],
)
def test_host_has_the_address_of_its_kind(name, address):
    """Whoever writes an inventory knows the addresses beforehand."""
    assert local().host(name).address == address


@pytest.mark.parametrize("name", ["", "gw", "gw0", "gw10", "db1", "GW1", "gw1/..", "gw1\n"])
def test_host_with_another_name_is_refused(name):
    """The text says which names there can be."""
    with pytest.raises(HostsError, match="expected gw1, lb1"):
        local().host(name)


def test_sets_share_no_name_and_no_address():
    """Two sets run side by side."""
    one, other = local(number=1), local(number=2)

    shared = {one.bridge, one.group, one.gateway} & {other.bridge, other.group, other.gateway}
    hosts = {(h.link, h.address, h.mac) for h in (one.host("gw1"), other.host("gw1"))}

    assert not shared
    assert all(len(set(column)) == 2 for column in zip(*hosts, strict=True))


def test_names_of_links_fit_the_kernel():
    """A link's name has at most 15 characters."""
    assert len(local(number=250).host("redis9").link) <= 15


def test_made_hosts_are_those_with_files(tmp_path):
    """Other files of the set are passed over, and the order is that of the addresses."""
    for name in ("redis1", "gw2", "gw1", "wheels", "host-keys"):
        (tmp_path / name).mkdir()

    assert [host.name for host in local(tmp_path).made()] == ["gw1", "gw2", "redis1"]


def test_set_without_files_has_no_hosts(tmp_path):
    """It is no error to look."""
    assert local(tmp_path / "none").made() == []


@pytest.mark.parametrize("name", ["", "../local", "Local", "a b", "1", "x" * 40])
def test_set_name_that_is_no_folder_is_refused(name):
    """Nothing outside the cache is ever written or removed."""
    with pytest.raises(HostsError, match="no name of a set"):
        check_set_name(name)


@pytest.mark.parametrize("prefix", ["10", "10.300", "10.77.1", "", "ten.77"])
def test_prefix_that_is_no_half_of_an_address_is_refused(prefix):
    """In a sentence, before it gets into a record."""
    check_prefix("172.31")
    with pytest.raises(HostsError, match="--prefix: expected two numbers"):
        check_prefix(prefix)
