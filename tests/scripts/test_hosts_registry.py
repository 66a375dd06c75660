"""Tests of scripts/hosts/registry.py, with the machine's list of sets in a folder of the test."""

from __future__ import annotations

import sys

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from hosts import registry
from hosts.shell import HostsError


@pytest.fixture(autouse=True)
def records(tmp_path, monkeypatch):
    """Return where sets are recorded."""
    monkeypatch.setattr(registry, "RECORDS", tmp_path / "run")
    monkeypatch.setattr(registry, "LOCK_SECONDS", 0.0)
    return tmp_path / "run"


def test_set_keeps_its_number(tmp_path):
    """Its addresses stay until it goes down."""
    with registry.claimed("infra", tmp_path) as first:
        pass
    with registry.claimed("infra", tmp_path) as second:
        pass

    assert first == second
    assert registry.find("infra") == first


def test_set_called_local_is_number_0(tmp_path):
    """The addresses in the documentation are those of `local`, whatever ran before."""
    with registry.claimed("infra", tmp_path) as infra, registry.claimed("local", tmp_path) as local:
        assert (local.number, local.gateway) == (0, "10.77.0.1")
        assert infra.number == 1


def test_set_that_is_worked_on_is_refused(tmp_path):
    """Two runs never take each other's hosts down."""
    with (
        registry.claimed("infra", tmp_path),
        pytest.raises(HostsError, match="Another process works on the set of hosts `infra`"),
        registry.claimed("infra", tmp_path),
    ):
        pass


def test_set_of_another_checkout_is_refused(tmp_path):
    """It is named with its folder."""
    with registry.claimed("infra", tmp_path / "one") as hosts:
        hosts.folder.mkdir(parents=True)

    with (
        pytest.raises(HostsError, match=f"belongs to {tmp_path}/one/infra"),
        registry.claimed("infra", tmp_path / "other"),
    ):
        pass


def test_set_of_a_checkout_that_is_gone_is_taken_over(tmp_path):
    """Somebody has to be able to take its hosts down: by its number, with files in the new place."""
    with registry.claimed("infra", tmp_path / "gone") as before:
        pass

    with registry.claimed("infra", tmp_path / "here") as after:
        assert (after.number, after.folder) == (before.number, tmp_path / "here" / "infra")
        assert registry.find("infra") == after


def test_forgotten_set_gives_its_number_back(tmp_path):
    """The next one gets it."""
    with registry.claimed("one", tmp_path) as one:
        registry.forget("one")

    assert registry.find("one") is None
    assert registry.all_sets() == []
    with registry.claimed("two", tmp_path) as two:
        assert two.number == one.number


def test_set_with_another_prefix_has_its_addresses_there(tmp_path):
    """Where 10.77 is somebody's network, hosts go elsewhere."""
    with registry.claimed("infra", tmp_path, "172.31") as hosts:
        assert hosts.gateway == "172.31.1.1"
