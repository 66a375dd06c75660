"""Tests of scripts/hosts/rootfs.py, with mmdebstrap played by a stand-in."""

from __future__ import annotations

import sys

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from hosts import rootfs
from hosts.shell import HostsError

# The folder to be made is the last but one argument.
STAND_IN = """#!/bin/sh
echo "$@" >>{log}
while [ $# -gt 2 ]; do shift; done
mkdir -p "$1/etc"
exit {code}
"""


@pytest.fixture
def mmdebstrap(tmp_path, monkeypatch):
    """Return a function that puts a stand-in on the PATH."""

    def put(code: int = 0):
        log = tmp_path / "log"
        program = tmp_path / "bin" / "mmdebstrap"
        program.parent.mkdir(exist_ok=True)
        program.write_text(STAND_IN.format(log=log, code=code))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")
        return log

    return put


def test_root_is_built_once(mmdebstrap, tmp_path):
    """The second time nothing is called, and nothing is said."""
    log, said = mmdebstrap(), []

    folder = rootfs.ensure(tmp_path / "cache", said.append)
    lines = len(said)
    again = rootfs.ensure(tmp_path / "cache", said.append)

    assert folder == again
    assert (folder / "etc").is_dir()
    assert log.read_text().count("--include=systemd,") == 1
    assert len(said) == lines


def test_root_of_other_packages_is_another(tmp_path):
    """A change of the list is a new root file system; its order is none."""
    assert rootfs.key(("a", "b")) != rootfs.key(("a",))
    assert rootfs.key(("a", "b")) == rootfs.key(("b", "a"))


def test_root_that_failed_leaves_nothing(mmdebstrap, tmp_path):
    """Half a root file system is never taken for a whole one."""
    mmdebstrap(code=1)

    with pytest.raises(HostsError, match="could not be built from http"):
        rootfs.ensure(tmp_path / "cache", lambda text: None)

    assert not list((tmp_path / "cache").glob("base-*"))


@pytest.mark.parametrize(
    "text",
    [
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n",
        "# none\ndeb http://mirror.example/debian bookworm main\n",
        "deb [signed-by=/x.gpg] http://mirror.example/debian bookworm main\n",
    ],
)
def test_mirror_is_the_machines_own(tmp_path, text):
    """Whoever has an archive nearby uses it."""
    (tmp_path / "sources").write_text(text)

    assert rootfs.mirror((tmp_path / "none", tmp_path / "sources")) == "http://mirror.example/debian"


def test_mirror_of_another_system_is_not_taken(tmp_path):
    """Ubuntu's archive has no Debian."""
    (tmp_path / "sources").write_text(
        "deb http://archive.example/ubuntu jammy main\nURIs: http://x.example/debian-security\n"
    )

    assert rootfs.mirror((tmp_path / "sources",)) == rootfs.DEFAULT_MIRROR
