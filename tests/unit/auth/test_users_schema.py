from __future__ import annotations

import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from holdfast.auth.users_schema import SCHEMA_VERSION, make_engine, prepare
from holdfast.errors import ConfigError
from holdfast.settings_auth import AuthSettings


def settings(path: Path) -> AuthSettings:
    """Return settings with users in a file."""
    return AuthSettings(enabled=True, users_path=path)


def test_file_is_its_owners_alone(tmp_path: Path) -> None:
    """A new one from the start, and one that was open to others before."""
    for name, mode in (("new", None), ("open", 0o644)):
        path = tmp_path / "state" / name
        if mode is not None:
            path.touch(mode)
        engine = make_engine(settings(path))
        prepare(engine)
        engine.dispose()

        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_prepare_twice_changes_nothing(tmp_path: Path) -> None:
    """Each process does it at its start."""
    engine = make_engine(settings(tmp_path / "users"))
    prepare(engine)
    prepare(engine)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT part, version FROM holdfast_schema")).all()
    engine.dispose()

    assert found == [("users", SCHEMA_VERSION)]


def test_prepare_refuses_a_later_version(tmp_path: Path) -> None:
    """An older gateway must not touch what it does not understand."""
    engine = make_engine(settings(tmp_path / "users"))
    prepare(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE holdfast_schema SET version = 99"))

    with pytest.raises(ConfigError, match="version 99"):
        prepare(engine)
    engine.dispose()


@pytest.mark.parametrize("name", ["", "file/below"])
def test_file_that_cannot_be_made_is_a_fault(tmp_path: Path, name: str) -> None:
    """A folder in its place, or a file where its folder should be."""
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=r"auth\.users_path"):
        make_engine(settings(tmp_path / name))
