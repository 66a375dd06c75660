"""Tests of scripts/hosts/sets.py, with hosts played by stand-ins; tests/infra has real ones."""

from __future__ import annotations

import sys

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from hosts import access, cgroups, guest, machine, network, registry, rootfs, sets, wheelhouse
from hosts.model import HostSet
from hosts.shell import HostsError


@pytest.fixture
def running(monkeypatch) -> set[str]:
    """Let a machine have hosts that run as soon as they are started; return their names."""
    names: set[str] = set()

    def end(group: str) -> bool:
        names.difference_update(name for name in list(names) if group in {"hf1", f"hf1/{name}"})
        return True

    monkeypatch.setattr(cgroups, "end", end)
    monkeypatch.setattr(cgroups, "processes", lambda group: {1} if group.rpartition("/")[2] in names else set())
    monkeypatch.setattr(machine, "check", lambda **asked: None)
    monkeypatch.setattr(rootfs, "ensure", lambda cache, say: cache)
    monkeypatch.setattr(network, "ensure_bridge", lambda hosts: None)
    monkeypatch.setattr(network, "remove", lambda number: [])
    monkeypatch.setattr(wheelhouse, "fill", lambda hosts, say: hosts.folder)
    monkeypatch.setattr(wheelhouse, "serve", lambda hosts, folder: hosts.wheels_url)
    monkeypatch.setattr(access, "public_key", lambda hosts: "")
    monkeypatch.setattr(access, "make_host_key", lambda hosts, name: None)
    monkeypatch.setattr(access, "write_files", lambda hosts: None)
    monkeypatch.setattr(access, "wait", lambda hosts, name, seconds: None)
    monkeypatch.setattr(guest, "prepare", lambda hosts, host, key: host.folder.mkdir(parents=True, exist_ok=True))
    monkeypatch.setattr(sets, "_start", lambda hosts, base, host: names.add(host.name))
    return names


@pytest.fixture
def hosts(tmp_path, monkeypatch) -> HostSet:
    """Return a set that has nothing yet."""
    monkeypatch.setattr(registry, "RECORDS", tmp_path / "run")
    return HostSet("infra", 1, "10.77", tmp_path / "infra")


@pytest.mark.usefixtures("running")
def test_refused_addresses_are_not_kept(hosts, monkeypatch):
    """So that another try with --prefix is not held to them."""

    def refuse(_):
        raise HostsError("in use")

    registry.RECORDS.mkdir()
    registry._write(hosts)
    monkeypatch.setattr(network, "ensure_bridge", refuse)
    with pytest.raises(HostsError, match="in use"):
        sets.up(hosts, ["gw1"], print)

    assert registry.find(hosts.name) is None


def test_up_starts_only_what_does_not_run(hosts, running):
    """The others stay as they are."""
    said: list[str] = []
    sets.up(hosts, ["gw1"], said.append)

    sets.up(hosts, ["gw1", "lb1"], said.append)

    assert running == {"gw1", "lb1"}
    assert "(1 new): gw1 10.77.1.11, lb1 10.77.1.21." in said[-1]


def test_up_shows_the_console_of_a_host_that_is_not_ready(hosts, running, monkeypatch):
    """Whoever reads the message needs no second command."""

    def fail(hosts, name, seconds):
        hosts.host(name).log.write_text("Failed to start something\n")
        raise HostsError(f"{name} did not let us in.")

    monkeypatch.setattr(access, "wait", fail)

    with pytest.raises(
        HostsError, match=r"gw1 did not let us in\. Its console's last lines:\nFailed to start something"
    ):
        sets.up(hosts, ["gw1"], lambda text: None)
    assert running


def test_up_refuses_a_wrong_name_before_anything_is_made(hosts, running):
    """Nothing runs, nothing is written."""
    with pytest.raises(HostsError, match="no name of a test host"):
        sets.up(hosts, ["gw1", "nonsense"], lambda text: None)

    assert not running
    assert not hosts.folder.exists()


def test_down_removes_the_files(hosts, running):
    """And can be asked for again."""
    sets.up(hosts, ["gw1"], lambda text: None)

    sets.down(hosts, lambda text: None)
    sets.down(hosts, lambda text: None)

    assert not running
    assert not hosts.folder.exists()


@pytest.mark.usefixtures("running")
def test_down_names_what_it_could_not_remove(hosts, monkeypatch):
    """Nothing stays unsaid."""
    monkeypatch.setattr(network, "remove", lambda number: ["hf1-gw1"])

    with pytest.raises(HostsError, match="not wholly gone, there is still: hf1-gw1"):
        sets.down(hosts, lambda text: None)


def test_status_tells_who_ended(hosts, running):
    """A host with files and no process."""
    sets.up(hosts, ["gw1", "gw2"], lambda text: None)
    running.discard("gw2")

    assert [(host.name, state) for host, state in sets.status(hosts)] == [("gw1", "running"), ("gw2", "ended")]


def test_host_without_power_boots_as_it_was(hosts, running, monkeypatch):
    """Its files stay, while `up` would make a new one; what has power, or none of us, is refused."""
    gone: list[str] = []
    monkeypatch.setattr(network, "disconnect", lambda host: gone.append(host.name))
    sets.up(hosts, ["gw1"], print)
    (hosts.folder / "gw1" / "written").touch()
    with pytest.raises(HostsError, match="gw1 is no host without power"):
        sets.boot(hosts, "gw1", print)

    sets.cut(hosts, "gw1")
    assert (running, gone) == (set(), ["gw1"])
    sets.boot(hosts, "gw1", print)

    assert running == {"gw1"}
    assert (hosts.folder / "gw1" / "written").exists()
    for act in (lambda: sets.boot(hosts, "gw2", print), lambda: sets.cut(hosts, "vm1")):
        with pytest.raises(HostsError):
            act()
