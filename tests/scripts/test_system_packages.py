"""Tests of scripts/system_packages.py, with apt-get played by a stand-in."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import system_packages


@pytest.fixture
def packages(tmp_path, monkeypatch) -> ModuleType:
    """Let the script work as root on a machine that has only what a test puts there."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("INSTALL_PARTS", raising=False)
    monkeypatch.setattr(system_packages, "SBIN", "")
    monkeypatch.setattr(system_packages, "POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(system_packages, "SYSTEMD", tmp_path / "no-systemd")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return system_packages


def apt_get(root: Path, script: str = "") -> Path:
    """Put an apt-get on the PATH that writes its arguments down, and whether services may start; return where."""
    log = root / "log"
    policy = f"[ -x {root}/policy-rc.d ] && echo no services >> {log}"
    path = root / "bin" / "apt-get"
    path.write_text(f'#!/bin/sh\necho "$@" >> {log}\n{policy}\n{script}\n')
    path.chmod(0o755)
    return log


def test_missing_programs_are_installed_by_root_on_debian(packages, tmp_path):
    """One update and one install for all of them, during which no service starts; nothing is left behind."""
    make = "\n".join(f"printf '#!/bin/sh\\n' > {tmp_path}/bin/{name}; /bin/chmod 755 {tmp_path}/bin/{name}"
                     for name in ("nginx", "haproxy"))  # fmt: skip
    log = apt_get(tmp_path, make)

    assert packages.main(["nginx", "haproxy"]) == 0
    said = log.read_text().splitlines()
    assert said[0].endswith("update")
    assert said[2].endswith("install nginx-light haproxy")
    assert said[1] == said[3] == "no services"
    assert not packages.POLICY.exists()


def test_programs_that_are_there_cost_nothing(packages, tmp_path):
    """Apt-get is not even asked."""
    log = apt_get(tmp_path)
    (tmp_path / "bin" / "nginx").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "nginx").chmod(0o755)

    assert packages.main(["nginx"]) == 0
    assert not log.exists()


def test_policy_of_the_machine_stays(packages, tmp_path):
    """A machine that has its own word on services keeps it."""
    packages.POLICY.write_text("theirs")
    apt_get(tmp_path)
    packages.main(["nginx"])

    assert packages.POLICY.read_text() == "theirs"


def test_services_are_off_beside_programs_without_one(packages, tmp_path, monkeypatch):
    """On systemd every service is switched off, though some programs have none and systemctl fails for them."""
    apt_get(tmp_path)
    (tmp_path / "systemd").mkdir()
    monkeypatch.setattr(packages, "SYSTEMD", tmp_path / "systemd")
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.write_text(f'#!/bin/sh\n[ "$3" = npm ] && exit 1\necho "$3" >> {tmp_path}/off\n')
    systemctl.chmod(0o755)
    packages.main(["npm", "nginx", "haproxy"])

    assert (tmp_path / "off").read_text().split() == ["nginx", "haproxy"]


def test_archive_out_of_reach_is_told(packages, tmp_path, capsys):
    """An apt-get that fails is no failure here; what is missing has a name."""
    apt_get(tmp_path, "exit 100")

    assert packages.main(["nginx"]) == 0
    assert capsys.readouterr().err == "Missing, so the tests that need them are skipped: nginx.\n"


@pytest.mark.parametrize(("user", "wish"), [(1000, ""), (0, "no")])
def test_nothing_is_installed_without_leave(packages, tmp_path, monkeypatch, user, wish):
    """Only root installs, and only unless told not to."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setenv("INSTALL_PARTS", wish)
    log = apt_get(tmp_path)

    assert packages.ensure(["nginx"]) == ["nginx"]
    assert not log.exists()
