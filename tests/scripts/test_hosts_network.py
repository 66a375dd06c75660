"""Tests of scripts/hosts/network.py, with `ip` and `iptables` played by a stand-in."""

from __future__ import annotations

import json
import re
import sys

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from hosts import network
from hosts.model import HostSet
from hosts.shell import HostsError

ADDRESSES = [{"ifname": "eth0", "addr_info": [{"local": "10.78.4.2", "prefixlen": 24}]}, {"ifname": "lo"}]
ROUTES = [
    {"dst": "default", "dev": "eth0"},
    {"dst": "0.0.0.0/1", "dev": "tun0"},
    {"dst": "10.79.0.0/16", "dev": "tun0"},
    {"dst": "10.80.3.7", "type": "unreachable"},
    {"dst": "10.78.4.0/24", "dev": "eth0"},
]


@pytest.fixture
def calls(monkeypatch):
    """Return what is called, on a machine with links and namespaces of two sets."""
    made: list[str] = []
    links = ["lo", "hfbr0", "hf0-gw1", "hfbr1", "hf1-gw1", "hf10-gw1"]

    def run(*words):
        made.append(" ".join(words))
        if words[:3] == ("ip", "-4", "-json"):
            return json.dumps(ADDRESSES if words[3] == "address" else ROUTES)
        if words[:2] == ("ip", "-json"):
            return json.dumps([{"ifname": name} for name in links])
        if words[1:3] == ("netns", "list"):
            return "hf1-gw1 (id: 3)\nhf10-gw1\nother\n"
        if words[1:3] == ("link", "delete"):
            if words[3] not in links:
                raise HostsError("Cannot find device")
            links.remove(words[3])
        return ""

    monkeypatch.setattr(network, "run", run)
    monkeypatch.setattr(network, "succeeds", lambda *words: False)
    monkeypatch.setattr(network, "_are_rules_in_the_way", lambda: False)
    return made


def hosts(tmp_path, number: int = 1) -> HostSet:
    """Return a set."""
    return HostSet("infra", number, "10.77", tmp_path)


@pytest.mark.usefixtures("calls")
def test_links_of_a_set_are_told_by_its_number():
    """Those of set 10 are not taken for those of set 1."""
    assert network.links(1) == ["hf1-gw1", "hfbr1"]
    assert network.namespaces(1) == ["hf1-gw1"]


def test_bridge_that_is_there_is_not_made_again(calls, tmp_path):
    """It can be asked for at each `up`."""
    network.ensure_bridge(hosts(tmp_path, 1))
    network.ensure_bridge(hosts(tmp_path, 2))

    assert [call for call in calls if "link add" in call] == ["ip link add hfbr2 type bridge"]
    assert "ip address replace 10.77.1.1/24 dev hfbr1" in calls


def test_bridge_is_let_through_where_rules_are_in_the_way(calls, tmp_path, monkeypatch):
    """Docker refuses what it does not know."""
    monkeypatch.setattr(network, "_are_rules_in_the_way", lambda: True)

    network.ensure_bridge(hosts(tmp_path))

    assert "iptables -w -I FORWARD -i hfbr1 -o hfbr1 -j ACCEPT" in calls


def test_host_gets_a_new_namespace(calls, tmp_path):
    """The one of the boot before, with the sysctls set in it, goes first."""
    network.connect(hosts(tmp_path).host("gw1"))

    assert calls.index("ip netns delete hf1-gw1") < calls.index("ip netns add hf1-gw1")
    assert "ip -netns hf1-gw1 address add 10.77.1.11/24 dev eth0" in calls


def test_virtual_machine_gets_a_link_and_no_namespace(calls, tmp_path):
    """Its kernel is its own; the other end of the link is QEMU."""
    network.connect_vm(hosts(tmp_path).host("vm1"))

    assert calls[-2:] == ["ip tuntap add hf1-vm1 mode tap", "ip link set hf1-vm1 master hfbr1 up"]


def test_remove_takes_only_the_sets_own(calls):
    """Its links and namespaces by name, and it says what it could not remove."""
    left = network.remove(1)

    deleted = [call for call in calls if "delete" in call]
    assert deleted == ["ip link delete hf1-gw1", "ip link delete hfbr1", "ip netns delete hf1-gw1"]
    assert left == ["hf1-gw1"]  # the stand-in keeps its namespaces


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("10.78", "10.78.4.0/24, but eth0 has 10.78.4.2/24"),
        ("10.79", "10.79.4.0/24, but there is a route to 10.79.0.0/16 by tun0"),
    ],
)
def test_addresses_in_use_are_refused_by_name(calls, tmp_path, prefix, said):
    """Before anything is made; a default route, or half of one, is no clash."""
    with pytest.raises(HostsError, match=re.escape(said)) as error:
        network.ensure_bridge(HostSet("infra", 4, prefix, tmp_path))

    assert "--prefix" in str(error.value)
    assert not [call for call in calls if "link add" in call]
    assert not network.clash(HostSet("infra", 4, "10.81", tmp_path))
    assert network.clash(HostSet("infra", 3, "10.80", tmp_path)) == "there is a route to 10.80.3.7/32"
