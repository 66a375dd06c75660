"""Tests of the part of the action `tuning` that runs on hosts, without a host."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import pytest

from tests.parts import require


@pytest.fixture
def tuning_apply(monkeypatch) -> ModuleType:
    """Load the module, which needs Ansible, for a kernel with three values and no loaded modules."""
    require("ansible")
    from ansible_collections.holdfast.gateway.plugins.modules import tuning_apply as module

    values = {"net.netfilter.nf_conntrack_max": "262144", "net.ipv4.tcp_available_congestion_control": "reno cubic"}
    monkeypatch.setattr(module.kernel_values, "read", values.get)
    monkeypatch.setattr(module.os.path, "isdir", lambda path: False)
    return module


@pytest.mark.parametrize(
    ("sign", "there"),
    [
        ("net.netfilter.nf_conntrack_max", True),
        ("net.netfilter.other", False),
        ("net.ipv4.tcp_available_congestion_control:cubic", True),
        ("net.ipv4.tcp_available_congestion_control:bbr", False),
    ],
)
def test_module_is_there_when_its_sign_is(tuning_apply, sign, there):
    """A key, or a word in a value, shows that a module is loaded or built in."""
    assert tuning_apply.is_there("some_module", sign) is there


def test_values_are_shown_a_line_each(tuning_apply):
    """A diff has one line for each value, in order."""
    assert tuning_apply.lines({"b": "2", "a": "1"}) == "a = 1\nb = 2\n"


def test_value_that_was_not_there_is_shown_as_in_check_mode(tuning_apply):
    """What a module brought counts as new although the kernel has a value by now."""
    key = "net.netfilter.nf_conntrack_max"
    shown = {}
    for fresh in ([key], []):
        module = SimpleNamespace(params={"values": {key: 262144}, "fresh": fresh}, check_mode=True)
        result = {"changed": False, "diff": []}
        tuning_apply.set_values(module, result)
        shown[bool(fresh)] = result

    assert shown[True]["diff"][0]["before"] == f"{key} = \n"
    assert shown[True]["written"] == {key: "262144"}
    assert shown[False] == {"changed": False, "diff": []}
