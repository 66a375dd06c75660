"""Files are kept once, and put back byte for byte."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.scripts.collection import plugin

kept_files = plugin("modules.kept_files")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the module's work."""
    monkeypatch.setattr(kept_files, "FOLDER", str(tmp_path / "snapshots"))

    def work(state: str, *paths: Path, is_dry: bool = False) -> dict[str, Any]:
        params = {"state": state, "role": "load_balancer", "paths": [str(path) for path in paths]}
        done: dict[str, Any] = kept_files.work(SimpleNamespace(params=params, check_mode=is_dry))
        return done

    return work


def test_file_comes_back_as_it_was(run: Any, tmp_path: Path) -> None:
    """Content and mode are those of before the first change, whatever happened since."""
    path = tmp_path / "haproxy.cfg"
    path.write_bytes(b"as it was\xff\n")
    path.chmod(0o640)
    run("kept", path)
    path.write_text("ours")
    path.chmod(0o600)

    assert run("restored")["restored"] == [str(path)]
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"as it was\xff\n", 0o640)


def test_file_that_was_not_there_goes_again(run: Any, tmp_path: Path) -> None:
    """What a role has made is removed."""
    path = tmp_path / "ours.conf"
    run("kept", path)
    path.write_text("ours")
    run("restored")

    assert not path.exists()


def test_second_run_keeps_nothing_new(run: Any, tmp_path: Path) -> None:
    """A later deploy never takes our own file for what was there before."""
    path = tmp_path / "haproxy.cfg"
    path.write_text("theirs")
    assert run("kept", path)["changed"]
    path.write_text("ours")
    assert not run("kept", path)["changed"]
    run("restored")

    assert path.read_text() == "theirs"


def test_check_mode_writes_nothing(run: Any, tmp_path: Path) -> None:
    """It says what it would do, and does not."""
    path = tmp_path / "haproxy.cfg"
    path.write_text("theirs")

    assert run("kept", path, is_dry=True)["changed"]
    assert not (tmp_path / "snapshots").exists()
    assert not run("restored")["changed"]
