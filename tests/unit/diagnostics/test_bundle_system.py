"""Tests of holdfast.diagnostics.bundle_system."""

from __future__ import annotations

from pathlib import Path

from holdfast import __version__
from holdfast.diagnostics.bundle_system import KERNEL_VALUES, counters, kernel, versions
from tests.unit.diagnostics.machines import machine


def test_versions_list_every_package() -> None:
    """Ours, Python's and what is installed."""
    found = versions()

    assert found["holdfast"] == __version__
    assert "uvicorn" in found["packages"]


def test_kernel_values_are_read_by_their_names(tmp_path: Path) -> None:
    """On one line each, None where the kernel has none."""
    root = machine(tmp_path, {"etc/os-release": 'NAME="X"\nPRETTY_NAME="Debian 12"\n'})
    found = kernel(root)

    assert found["sysctl"]["net.ipv4.ip_local_port_range"] == "32768 60999"
    assert found["sysctl"]["vm.swappiness"] is None
    assert len(found["sysctl"]) == len(KERNEL_VALUES)
    assert found["os"] == "Debian 12"


def test_counters_are_one_text(tmp_path: Path) -> None:
    """Each file under its name; what is not there is left out."""
    text = counters(machine(tmp_path))

    assert "== /proc/net/sockstat\nsockets: used 10" in text
    assert "net/snmp" not in text


def test_nothing_raises_elsewhere(tmp_path: Path) -> None:
    """On a system without /proc."""
    assert counters(tmp_path) == ""
    assert kernel(tmp_path)["limits"] == []
