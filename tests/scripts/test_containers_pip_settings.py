"""Tests of scripts/containers/pip_settings.py."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from containers import pip_settings

LISTING = """\
:env:.index-url='https://user:pass@mirror.example/simple'
global.cert='/etc/ca.pem'
global.index-url='https://old.example/simple'
install.no-binary='x'
freeze.timeout='10'
"""


def test_parse_takes_the_environment_over_files() -> None:
    """What a shell says counts, whatever order pip lists it in."""
    found = pip_settings.parse(LISTING)

    assert found["index-url"] == "https://user:pass@mirror.example/simple"
    assert found["cert"] == "/etc/ca.pem"
    assert "timeout" not in found


def test_settings_of_keeps_what_a_build_can_use() -> None:
    """The index and the certificates are given on; how a person likes to build packages is not."""
    settings = pip_settings.settings_of(pip_settings.parse(LISTING))

    assert settings.config == "[global]\nindex-url = https://user:pass@mirror.example/simple\n"
    assert settings.certificates == Path("/etc/ca.pem")


def test_settings_of_sorts_links(tmp_path: Path) -> None:
    """A folder of wheels is copied for the build, a page of links is read by it, a folder that is gone is left out."""
    links = f"{tmp_path} file://{tmp_path} https://wheels.example/list /no/such/folder"

    settings = pip_settings.settings_of({"find-links": links})

    assert settings.wheel_folders == (tmp_path, tmp_path)
    assert "find-links = https://wheels.example/list\n" in settings.config


def test_settings_of_nothing_is_nothing() -> None:
    """Without settings the build gets no file."""
    assert pip_settings.settings_of({}) == pip_settings.PipSettings("", None, ())


def test_fill_replaces_what_was_there(tmp_path: Path) -> None:
    """Wheels of an earlier build do not stay; the same one from two folders is one."""
    (tmp_path / "house").mkdir()
    (tmp_path / "house" / "old.whl").touch()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "new.whl").write_text(name)

    count = pip_settings.fill(tmp_path / "house", (tmp_path / "one", tmp_path / "two"))

    assert count == 1
    assert [one.name for one in (tmp_path / "house").iterdir()] == ["new.whl"]
