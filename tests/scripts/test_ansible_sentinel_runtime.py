"""A running Sentinel gets passwords and numbers, and is asked for the master."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.scripts.collection import plugin

module = plugin("modules.sentinel_runtime")
link = plugin("module_utils.redis_link")
users = plugin("module_utils.redis_users")

OLD, NEW = "password-of-before", "password-of-now"
NUMBERS = {"quorum": "2", "down-after-milliseconds": "5000"}


class Sentinel:
    """A Sentinel that runs and writes its own file."""

    def __init__(self, file: Path | None = None, master: str = "10.0.0.31", epoch: int = 0) -> None:
        self.file, self.hashes = file, [users.hash_of(OLD)]
        self.found = {"ip": master, "config-epoch": str(epoch), **NUMBERS}
        self.words = {"sentinel-pass": OLD, "auth-pass": OLD}
        self.write()

    def write(self) -> None:
        """Write the file as Sentinel does."""
        if self.file:
            lines = f"sentinel sentinel-pass {self.words['sentinel-pass']}\n"
            self.file.write_text(f"{lines}sentinel auth-pass mymaster {self.words['auth-pass']}\n")

    def ask(self, *words: str) -> object:
        """Answer as Sentinel does."""
        if words[0] == "AUTH" and users.hash_of(words[1]) not in self.hashes:
            raise link.RedisError("WRONGPASS invalid username-password pair or user is disabled.")
        if words[:2] == ("ACL", "GETUSER"):
            return ["passwords", list(self.hashes)]
        if words[:2] == ("ACL", "SETUSER"):
            before = [] if "resetpass" in words else self.hashes
            self.hashes = [*before, *(word[1:] for word in words if word.startswith("#"))]
        elif words[:2] == ("SENTINEL", "MASTER"):
            return [part for pair in self.found.items() for part in pair]
        elif words[:3] == ("SENTINEL", "CONFIG", "SET"):
            self.words[words[3]] = words[4]
        elif words[:2] == ("SENTINEL", "SET"):
            (self.words if words[3] in self.words else self.found)[words[3]] = words[4]
        self.write()
        return "OK"


@pytest.fixture
def sentinel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sentinel:
    """Return a Sentinel of a host that was deployed with the password of before."""
    made = Sentinel(tmp_path / "sentinel.conf")
    monkeypatch.setattr(module, "Link", lambda *_: made)
    return made


def run(step: str, password: str, file: Path | None, is_dry: bool = False, **more: Any) -> dict[str, Any]:
    """Run the module's work."""
    params = {
        "step": step, "addresses": ["10.0.0.31"], "port": 26379, "password": password, "redis_password": password,
        "settings": NUMBERS, "master": "mymaster", "file": str(file), "timeout": 1.0, **more,
    }  # fmt: skip
    done: dict[str, Any] = module.work(SimpleNamespace(params=params, check_mode=is_dry))
    return done


def test_password_is_exchanged_in_three_steps(sentinel: Sentinel) -> None:
    """Both are taken, then the new one is used, then the old one is gone; each step twice changes nothing more."""
    for step, takes, uses in (("accept", {OLD, NEW}, OLD), ("use", {OLD, NEW}, NEW), ("forget", {NEW}, NEW)):
        assert run(step, NEW, sentinel.file)["changed"]
        assert sentinel.hashes == [users.hash_of(one) for one in (OLD, NEW) if one in takes]
        assert sentinel.words == {"sentinel-pass": uses, "auth-pass": uses}
        assert not run(step, NEW, sentinel.file)["changed"]


def test_check_mode_changes_nothing(sentinel: Sentinel) -> None:
    """It predicts every step from the state of before."""
    assert [run(step, NEW, sentinel.file, is_dry=True)["changed"] for step in ("accept", "use", "forget")] == [True] * 3
    assert (sentinel.hashes, sentinel.words["auth-pass"]) == ([users.hash_of(OLD)], OLD)


def test_numbers_of_the_profile_reach_the_one_that_runs(sentinel: Sentinel) -> None:
    """Another profile, or a fifth host that asks for another quorum, needs no restart."""
    done = run("use", OLD, sentinel.file, settings={**NUMBERS, "quorum": "3"})

    assert done["diff"]["after"] == "quorum 3 (was 2)\n"
    assert sentinel.found["quorum"] == "3"


def test_file_of_the_package_is_left_alone(tmp_path: Path) -> None:
    """A Sentinel that the role has not set up, or that is not installed, is not asked."""
    (tmp_path / "sentinel.conf").write_text("sentinel monitor mymaster 127.0.0.1 6379 2\n")

    assert not run("accept", NEW, tmp_path / "sentinel.conf")["changed"]


def test_newest_decision_names_the_master(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has slept through a failover does not count, nor one that is not there."""
    found = {"1": Sentinel(master="10.0.0.31", epoch=1), "2": Sentinel(master="10.0.0.32", epoch=2)}

    def connect(address: str, *_: object) -> Sentinel:
        if address not in found:
            raise link.NotThere(address)
        return found[address]

    monkeypatch.setattr(module, "Link", connect)
    assert run("ask", OLD, None, addresses=["1", "2", "3"])["address"] == "10.0.0.32"
    assert run("ask", OLD, None, addresses=["3"])["address"] == ""


def test_diff_has_no_password(sentinel: Sentinel) -> None:
    """What is printed says that there is another one."""
    said = str(run("use", NEW, sentinel.file))

    assert "signs in to Redis with the new password" in said
    assert OLD not in said
    assert NEW not in said
