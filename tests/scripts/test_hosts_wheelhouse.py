"""Tests of scripts/hosts/wheelhouse.py, with pip and hatchling played by stand-ins."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from hosts import wheelhouse
from hosts.model import HostSet
from hosts.shell import HostsError


@pytest.fixture
def calls(monkeypatch):
    """Return what is called; each program leaves a wheel where it was told to."""
    made: list[list[str]] = []

    def run(*words, timeout, folder=None):
        made.append([str(word) for word in words])
        is_pip = "pip" in words
        target = Path(words[words.index("--dest" if is_pip else "--directory") + 1])
        target.mkdir(parents=True, exist_ok=True)
        (target / ("locked.whl" if is_pip else "holdfast.whl")).write_text("")
        return ""

    monkeypatch.setattr(wheelhouse, "run", run)
    return made


def test_locked_wheels_are_fetched_once(calls, tmp_path):
    """With their hashes, and for the hosts' Python."""
    wheelhouse.ensure_locked(tmp_path, lambda text: None)
    wheelhouse.ensure_locked(tmp_path, lambda text: None)

    (words,) = calls
    assert {"--require-hashes", "--python-version=3.11", "--only-binary=:all:"} <= set(words)


def test_locked_wheels_of_another_lock_are_others(tmp_path):
    """A newer lock is fetched anew."""
    (tmp_path / "one").write_text("a==1\n")
    (tmp_path / "other").write_text("a==2\n")

    assert wheelhouse.key(tmp_path / "one") != wheelhouse.key(tmp_path / "other")


def test_lock_for_the_hosts_has_no_conditions():
    """Debian's Python 3.11.2 needs what ours may not."""
    lock = "a==1 ; python_full_version < '3.11.3' \\\n    --hash=sha256:00\nb==2 \\\n    --hash=sha256:11\n"

    expected = "a==1 \\\n    --hash=sha256:00\nb==2 \\\n    --hash=sha256:11\n"
    assert wheelhouse.without_conditions(lock) == expected


def test_fetch_that_failed_leaves_nothing(tmp_path, monkeypatch):
    """Half the wheels are never taken for all."""

    def fail(*words, timeout):
        Path(words[words.index("--dest") + 1]).mkdir(exist_ok=True)
        raise HostsError("no network")

    monkeypatch.setattr(wheelhouse, "run", fail)

    with pytest.raises(HostsError, match="no network"):
        wheelhouse.ensure_locked(tmp_path, lambda text: None)
    assert not (tmp_path / f"wheels-{wheelhouse.key()}").exists()


@pytest.mark.usefixtures("calls")
def test_folder_has_the_locked_wheels_their_lock_and_ours(tmp_path):
    """What was left from another commit is gone."""
    hosts = HostSet("infra", 1, "10.77", tmp_path / "infra")
    (hosts.folder / "wheels").mkdir(parents=True)
    (hosts.folder / "wheels" / "holdfast-0.0.0.whl").write_text("")

    folder = wheelhouse.fill(hosts, lambda text: None)

    assert {path.name for path in folder.iterdir()} == {"locked.whl", "holdfast.whl", "runtime.txt"}


def test_platforms_are_those_of_debian_12():
    """Nothing for a newer C library."""
    names = wheelhouse.platforms()

    assert names[0].startswith("manylinux_2_36_")
    assert not any("_2_37_" in name for name in names)
