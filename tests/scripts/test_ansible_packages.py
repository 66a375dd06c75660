"""Missing packages are installed with lists that are good for it; where none is missing nobody is asked."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.scripts.collection import plugin

packages = plugin("modules.packages")
DAY = 86400


class FailedError(Exception):
    """The module's fault."""


class Apt:
    """Plays apt: what is installed, and what each attempt to install says."""

    def __init__(self, installed: str = "", *said: str) -> None:
        self.installed, self.said, self.did = installed, list(said), []
        self.update_says = ""

    def states(self, names: list[str]) -> str:
        """Return lines of dpkg-query."""
        del names
        return self.installed

    def update(self) -> str:
        """Fetch the lists."""
        self.did.append("update")
        return self.update_says

    def install(self, names: list[str]) -> tuple[int, str]:
        """Install packages."""
        self.did.append(f"install {' '.join(names)}")
        said = self.said.pop(0) if self.said else ""
        return (100 if said else 0), said


def fail(**said: Any) -> None:
    """Fail as a module does."""
    raise FailedError(said["msg"])


def run(apt: Apt, is_dry: bool = False) -> dict[str, Any]:
    """Run the module's work."""
    params = {"names": ["redis-server", "redis-sentinel"], "lists_valid_seconds": DAY}
    module = SimpleNamespace(params=params, check_mode=is_dry, fail_json=fail)
    done: dict[str, Any] = packages.work(module, apt, time.time())
    return done


@pytest.fixture(autouse=True)
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with fresh lists."""
    (tmp_path / "deb.debian.org_dists_bookworm_main_binary-amd64_Packages").touch()
    monkeypatch.setattr(packages, "LISTS", str(tmp_path))
    monkeypatch.setattr(packages, "STAMP", str(tmp_path / "no-stamp"))
    return tmp_path


def test_all_installed_asks_nobody(lists: Path) -> None:
    """A host without a way out and without lists does not fail, and nothing changes."""
    for path in lists.iterdir():
        path.unlink()
    apt = Apt("redis-server installed\nredis-sentinel installed\n")

    assert not run(apt)["changed"]
    assert apt.did == []


def test_one_that_was_removed_is_missing() -> None:
    """Files of its settings that are left do not make it installed."""
    assert packages.missing(["redis-server", "redis-sentinel"], "redis-server config-files\n") == [
        "redis-server",
        "redis-sentinel",
    ]


def test_check_mode_predicts_without_lists(lists: Path) -> None:
    """What is missing would be installed, whatever the lists are like; nothing is fetched."""
    for path in lists.iterdir():
        path.unlink()
    apt = Apt("redis-server installed\n")

    assert run(apt, is_dry=True) == {"changed": True, "missing": ["redis-sentinel"]}
    assert apt.did == []


def test_fresh_lists_are_not_fetched() -> None:
    """A second role of the same run does not ask the archive again."""
    apt = Apt("redis-server installed\n")

    assert run(apt)["changed"]
    assert apt.did == ["install redis-sentinel"]


@pytest.mark.parametrize("state", ["old", "none"])
def test_old_or_empty_lists_are_fetched_first(lists: Path, state: str) -> None:
    """Else apt would ask for versions that the archive has no more, or know no package at all."""
    if state == "none":
        for path in lists.iterdir():
            path.unlink()
    os.utime(lists, (time.time() - 2 * DAY,) * 2)
    apt = Apt()
    run(apt)

    assert apt.did == ["update", "install redis-server redis-sentinel"]


@pytest.mark.parametrize(
    "said", ["E: Unable to locate package redis-server", "E: Failed to fetch http://x/y.deb  404  Not Found [IP: 1]"]
)
def test_lists_that_seemed_fresh_are_fetched_when_apt_finds_nothing(said: str) -> None:
    """An archive that moved on within the day is no failure."""
    apt = Apt("", said)

    assert run(apt)["changed"]
    assert apt.did[1:] == ["update", "install redis-server redis-sentinel"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (apt-get)",
            "apt is locked by another",
        ),
        ("E: Version '9' for 'redis-server' was not found", "cannot install what is missing: E: Version"),
    ],
)
def test_fault_is_named(said: str, words: str) -> None:
    """A locked apt, and a package that cannot be had: the package, apt's own words, and what to do."""
    with pytest.raises(FailedError, match=words) as caught:
        run(Apt("", said))
    assert "redis-server, redis-sentinel" in str(caught.value)


def test_lists_that_could_not_be_fetched_are_in_the_fault(lists: Path) -> None:
    """Where the package cannot be had either; a lock that another program holds is called by its name."""
    os.utime(lists, (time.time() - 2 * DAY,) * 2)
    apt = Apt("", "E: Unable to locate package redis-server")
    apt.update_says = "apt's lists could not be fetched: E: Could not get lock /var/lib/apt/lists/lock"

    with pytest.raises(FailedError, match="apt is locked by another program"):
        run(apt)
