"""Passwords of Redis are exchanged so that whoever has one of the two is let in, wherever a run was cut off."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.scripts.collection import plugin

redis_users = plugin("modules.redis_users")
link = plugin("module_utils.redis_link")
users = plugin("module_utils.redis_users")

OLD, NEW, NEWER = "password-of-before", "password-of-now", "password-of-later"
RIGHTS = {"default": "~* &* +@all", "holdfast": "~holdfast:* &holdfast:* -@all +@read"}


class Server:
    """A Redis that runs: hashes by user. It is cut off before the command whose number is given."""

    def __init__(self, **passwords: str) -> None:
        self.hashes = {name: [users.hash_of(password)] for name, password in passwords.items()}
        self.asked: list[tuple[str, ...]] = []
        self.is_there = True

    def ask(self, *words: str) -> object:
        """Answer as Redis does."""
        self.asked.append(words)
        if words[0] == "AUTH":
            if users.hash_of(words[1]) not in self.hashes["default"]:
                raise link.RedisError("WRONGPASS invalid username-password pair or user is disabled.")
        elif words[:2] == ("ACL", "GETUSER"):
            return ["flags", ["on"], "passwords", self.hashes[words[2]]] if words[2] in self.hashes else None
        elif words[:2] == ("ACL", "SETUSER"):
            assert "resetpass" in words
            self.hashes[words[2]] = [word[1:] for word in words if word.startswith("#")]
        elif words[:2] == ("ACL", "DELUSER"):
            del self.hashes[words[2]]
        return "OK"

    def takes(self, name: str = "default") -> set[str]:
        """Return the passwords that it takes."""
        return {one for one in (OLD, NEW, NEWER) if users.hash_of(one) in self.hashes.get(name, [])}


class Host:
    """A host with a Redis and its files."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file, self.settings = folder / "holdfast.acl", folder / "holdfast.conf"
        self.server = Server(default=OLD)
        self.settings.write_text(f'port 6379\nmasterauth "{OLD}"\n')

        def connect(*_: object) -> Server:
            if not self.server.is_there:
                raise link.NotThere("nobody")
            return self.server

        monkeypatch.setattr(redis_users, "Link", connect)
        monkeypatch.setattr(redis_users, "write", lambda path, text: Path(path).write_text(text))

    def run(
        self, step: str, password: str, *, is_dry: bool = False, create: bool = False, **more: str
    ) -> dict[str, Any]:
        """Run the module's work."""
        params = {
            "step": step, "address": "10.0.0.31", "port": 6379, "password": password, "timeout": 1.0, "create": create,
            "passwords": {"default": password, **more}, "rights": RIGHTS, "file": str(self.file),
            "settings_file": str(self.settings),
        }  # fmt: skip
        done: dict[str, Any] = redis_users.work(SimpleNamespace(params=params, check_mode=is_dry))
        return done

    def restart(self) -> None:
        """Let Redis start from its file."""
        self.server.hashes = {name: user.hashes for name, user in users.users_in(self.file.read_text()).items()}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Return a host that was deployed with the password of before."""
    made = Host(tmp_path, monkeypatch)
    made.run("accept", OLD)
    return made


def test_new_password_is_taken_beside_the_old_one(host: Host) -> None:
    """Who has not moved yet is let in, also after a restart; a second run changes nothing."""
    first = host.run("accept", NEW)

    assert first["changed"]
    assert host.server.takes() == {OLD, NEW}
    host.restart()
    assert host.server.takes() == {OLD, NEW}
    assert not host.run("accept", NEW)["changed"]


def test_old_password_goes_at_the_end(host: Host) -> None:
    """When all have moved the new one alone is left, in Redis and in its file."""
    host.run("accept", NEW)
    done = host.run("forget", NEW)

    assert done["changed"]
    assert host.server.takes() == {NEW}
    host.restart()
    assert host.server.takes() == {NEW}
    assert not host.run("forget", NEW)["changed"]
    assert not host.run("accept", NEW)["changed"]


def test_check_mode_predicts_both_steps(host: Host) -> None:
    """Before anything was exchanged it tells of both, and changes neither Redis nor a file."""
    before = host.file.read_text()

    assert host.run("accept", NEW, is_dry=True)["changed"]
    assert host.run("forget", NEW, is_dry=True)["changed"]
    assert (host.server.takes(), host.file.read_text()) == ({OLD}, before)
    assert not host.run("forget", OLD, is_dry=True)["changed"]


def test_run_cut_off_between_redis_and_its_file_is_taken_up(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis was told and its file was not: the next run writes it, after a restart too."""
    with monkeypatch.context() as broken:
        broken.setattr(redis_users, "write", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            host.run("accept", NEW)
    assert host.server.takes() == {OLD, NEW}
    host.restart()

    assert host.run("accept", NEW)["changed"]
    host.restart()
    assert host.server.takes() == {OLD, NEW}


def test_third_password_in_the_middle_keeps_both_of_before(host: Host) -> None:
    """A rotation that was given up for another one: gateways may have either."""
    host.run("accept", NEW)
    host.settings.write_text(f"masterauth {NEW}\n")
    host.run("accept", NEWER)

    assert host.server.takes() == {OLD, NEW, NEWER}
    host.run("forget", NEWER)
    assert host.server.takes() == {NEWER}


def test_redis_that_does_not_run_finds_both_in_its_file(host: Host) -> None:
    """Nothing can be told to it, and its next start knows both."""
    host.server.is_there = False
    assert host.run("accept", NEW)["changed"]
    host.restart()

    assert host.server.takes() == {OLD, NEW}


def test_gateways_get_and_lose_a_user_of_their_own(host: Host) -> None:
    """With another password for the default user the gateways' old way in stays until they have moved, both ways."""
    host.run("accept", NEW, holdfast=OLD)
    assert (host.server.takes(), host.server.takes("holdfast")) == ({OLD, NEW}, {OLD})
    host.settings.write_text(f"masterauth {NEW}\n")
    host.run("forget", NEW, holdfast=OLD)
    assert host.server.takes() == {NEW}

    host.run("accept", OLD)
    assert (host.server.takes(), host.server.takes("holdfast")) == ({OLD, NEW}, {OLD})
    host.run("forget", OLD)
    assert (host.server.takes(), "holdfast" in host.server.hashes) == ({OLD}, False)


def test_host_that_is_new_is_left_alone_unless_it_is_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the role has been there nothing is written or asked; then the file is there before Redis reads it."""
    host = Host(tmp_path, monkeypatch)
    host.settings.unlink()

    assert not host.run("accept", NEW)["changed"]
    assert not host.run("forget", NEW)["changed"]
    assert not host.file.exists()
    assert host.run("accept", NEW, create=True)["changed"]
    assert host.file.read_text() == f"user default on #{users.hash_of(NEW)} ~* &* +@all\n"
    assert not host.server.asked


def test_password_that_nobody_knows_is_named_without_it(host: Host) -> None:
    """Somebody has exchanged it by hand: the fault says what to do, and shows no password."""
    host.server.hashes["default"] = [users.hash_of("by-hand")]

    with pytest.raises(link.RedisError, match="takes neither the password of the inventory") as caught:
        host.run("accept", NEW)
    assert not any(secret in str(caught.value) for secret in (OLD, NEW))


def test_users_of_others_stay_in_the_file(host: Host) -> None:
    """A user that somebody added for a tool of his own is none of ours."""
    with host.file.open("a") as file:
        file.write("user exporter on #12 ~* +info\n")
    host.run("accept", NEW)
    host.run("forget", NEW)

    assert "user exporter on #12 ~* +info\n" in host.file.read_text()


def test_diff_and_answer_have_no_password_and_no_hash(host: Host) -> None:
    """What is printed says how many passwords there are."""
    done = host.run("accept", NEW)

    assert done["diff"]["before"] == "default: passwords 1, ~* &* +@all\n"
    assert done["diff"]["after"] == "default: passwords 2, ~* &* +@all\n"
    assert not any(word in str(done) for word in (OLD, NEW, users.hash_of(OLD), users.hash_of(NEW)))
