"""A running Redis gets the settings of its file, and the password that it signs in to its master with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.scripts.collection import plugin

module = plugin("modules.redis_runtime")
link = plugin("module_utils.redis_link")

OLD, NEW = "password-of-before", "password-of-now"


class Server:
    """A Redis that runs."""

    def __init__(self, *passwords: str) -> None:
        self.passwords = passwords
        self.settings = {"maxmemory": "100", "tcp-backlog": "511", "masterauth": OLD}

    def ask(self, *words: str) -> object:
        """Answer as Redis does."""
        if words[0] == "AUTH" and words[1] not in self.passwords:
            raise link.RedisError("WRONGPASS invalid username-password pair or user is disabled.")
        if words[:2] == ("CONFIG", "GET"):
            return [words[2], self.settings[words[2]]]
        if words[:2] == ("CONFIG", "SET"):
            self.settings[words[2]] = words[3]
        return "OK"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the module's work."""
    path = tmp_path / "holdfast.conf"
    path.write_text(f"masterauth {OLD}\n")

    def work(server: Server, is_dry: bool = False, **settings: str) -> dict[str, Any]:
        monkeypatch.setattr(module, "Link", lambda *_: server)
        params = {
            "address": "10.0.0.31", "port": 6379, "timeout": 1.0, "password": NEW, "master_password": NEW,
            "settings": settings, "settings_file": str(path),
        }  # fmt: skip
        done: dict[str, Any] = module.work(SimpleNamespace(params=params, check_mode=is_dry))
        return done

    return work


def test_what_differs_is_set_and_nothing_else(run: Any) -> None:
    """A setting that only a restart can change is told as such; a second run changes nothing."""
    server = Server(OLD, NEW)
    done = run(server, maxmemory="200", **{"tcp-backlog": "4096"})

    assert (done["changed"], done["later"]) == (True, ["tcp-backlog"])
    assert server.settings == {"maxmemory": "200", "tcp-backlog": "511", "masterauth": NEW}
    assert not run(server, maxmemory="200")["changed"]


def test_check_mode_signs_in_with_the_password_of_before(run: Any) -> None:
    """Nothing has given Redis the new one yet, and what would change is predicted all the same."""
    server = Server(OLD)

    assert run(server, is_dry=True)["changed"]
    assert server.settings["masterauth"] == OLD


def test_diff_has_no_password(run: Any) -> None:
    """It says that there is another one."""
    said = str(run(Server(OLD, NEW)))

    assert "masterauth: new" in said
    assert OLD not in said
    assert NEW not in said
