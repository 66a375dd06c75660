"""Instances that a host has no more are found by what is there, and stopped one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scripts.collection import plugin

surplus = plugin("modules.surplus")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what systemd was told on a host with three instances; the third one has files alone."""
    told: list[str] = []

    def run(*words: str, **_: Any) -> tuple[int, str]:
        told.append(f"{words[1]} {words[-1]}")
        return 0, ""

    monkeypatch.setattr(surplus, "SLOTS", str(tmp_path))
    monkeypatch.setattr(surplus, "INSTANCES", str(tmp_path))
    for name in ("1a", "1a.env", "2b", "2b.env", "2b.secrets", "2b.yaml", "3a.env", "readme"):
        (tmp_path / name).touch()
    monkeypatch.setattr(surplus.units, "enabled", lambda: ["1a", "2b"])
    monkeypatch.setattr(surplus.units, "running", lambda: ["1a", "2a", "10b"])
    monkeypatch.setattr(surplus.units, "run", run)
    monkeypatch.setattr(surplus.units, "properties", lambda slot: {"ActiveState": "inactive"})
    return told


def test_slots_with_higher_numbers_are_surplus(host: list[str]) -> None:
    """Those that are enabled, run or have files; the last ones first."""
    assert surplus.surplus(1) == ["10b", "3a", "2a", "2b"]
    assert surplus.surplus(10) == []


def test_slot_is_disabled_before_it_is_stopped(host: list[str], tmp_path: Path) -> None:
    """A reboot in between does not bring it back; then its files go, and no other's."""
    surplus.remove("2b", 1.0)

    assert host[:2] == ["disable holdfast@2b.service", "stop holdfast@2b.service"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1a", "1a.env", "3a.env", "readme"]


def test_systemd_that_refuses_is_said(host: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is stopped."""
    monkeypatch.setattr(surplus.units, "run", lambda *words, **_: (1, "no"))

    with pytest.raises(surplus.stopping.StillRunningError, match=r"disable holdfast@2b\.service ended with 1: no"):
        surplus.remove("2b", 1.0)
