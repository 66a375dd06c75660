"""Tests of what runs on hosts: values, files of sysctl.d, snapshots; on folders that stand in for /proc and /etc."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.holdfast.gateway.plugins.module_utils import (
    kernel_reading,
    kernel_values,
    snapshots,
    sysctl_files,
)


@pytest.fixture
def proc(tmp_path, monkeypatch) -> Path:
    """Stand in for /proc/sys."""
    root = tmp_path / "proc"
    (root / "net" / "core").mkdir(parents=True)
    (root / "net" / "core" / "somaxconn").write_text("4096\n")
    monkeypatch.setattr(kernel_reading, "PROC_SYS", str(root))
    return root


@pytest.fixture
def folders(tmp_path, monkeypatch) -> tuple[Path, Path]:
    """Stand in for /etc/sysctl.d and /usr/lib/sysctl.d."""
    made = tmp_path / "etc" / "sysctl.d", tmp_path / "usr" / "sysctl.d"
    for folder in made:
        folder.mkdir(parents=True)
    monkeypatch.setattr(sysctl_files, "FOLDERS", tuple(str(folder) for folder in made))
    monkeypatch.setattr(sysctl_files, "LAST", str(tmp_path / "etc" / "sysctl.conf"))
    return made


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("net.core.somaxconn", "/proc/sys/net/core/somaxconn"),
        ("net/ipv4/conf/eth0.1/rp_filter", "/proc/sys/net/ipv4/conf/eth0.1/rp_filter"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/mm/transparent_hugepage/enabled"),
    ],
)
def test_name_leads_to_its_file(name, path):
    """A key with dots, one with slashes, and a path each name one file."""
    assert kernel_values.path_of(name) == path


@pytest.mark.parametrize(
    ("text", "value"),
    [("4096\t131072\t6291456\n", "4096 131072 6291456"), ("always [madvise] never\n", "madvise"), ("[x]\n", "[x]")],
)
def test_value_is_read_as_it_is_written(text, value):
    """Tabs become blanks, and of several choices the one in force counts."""
    assert kernel_values.normal(text) == value


def test_missing_key_reads_as_nothing(proc):
    """A key that there is not is no error."""
    assert kernel_values.read("net.core.none") is None
    assert kernel_values.read("net.core.somaxconn") == "4096"


def test_write_says_what_went_wrong(proc, monkeypatch):
    """A value that the kernel refuses, or turns into another one, is named."""
    assert kernel_values.write("net.core.somaxconn", "16384") == ""
    assert "net.core/none" not in kernel_values.write("net.core.none.x", "1")
    assert "net.core.none.x: expected to write 1" in kernel_values.write("net.core.none.x", "1")
    monkeypatch.setattr(kernel_values, "read", lambda name: "8")
    assert kernel_values.write("net.core.somaxconn", "16384") == "net.core.somaxconn: wrote 16384, the kernel has 8"


def test_later_files_are_found_in_the_order_of_systemd(folders):
    """A file counts once by its name, later names win, and earlier ones are no concern of ours."""
    etc, usr = folders
    (etc / "50-early.conf").write_text("net.core.somaxconn = 1\n")
    (usr / "99-late.conf").write_text("# x\n\n-net/core/somaxconn=128\n")
    (usr / "95-hidden.conf").write_text("net.ipv4.tcp_tw_reuse = 1\n")
    (etc / "95-hidden.conf").write_text("")

    found = sysctl_files.after(str(etc / "90-holdfast.conf"), ["net.core.somaxconn", "net.ipv4.tcp_tw_reuse"])

    assert found == {"net.core.somaxconn": {"file": str(usr / "99-late.conf"), "line": 3, "value": "128"}}


def test_sysctl_conf_is_read_last(folders, tmp_path):
    """`sysctl --system` reads it after everything else, so it wins."""
    (tmp_path / "etc" / "sysctl.conf").write_text("net.core.somaxconn = 128\n")

    found = sysctl_files.after(str(folders[0] / "90-holdfast.conf"), ["net.core.somaxconn"])

    assert found["net.core.somaxconn"]["file"].endswith("sysctl.conf")


def test_pattern_gives_way_to_the_key_itself(folders):
    """A line for all interfaces does not hide the line for one of them."""
    etc, _ = folders
    (etc / "95-a.conf").write_text("net.ipv4.conf.*.rp_filter = 1\nnet.ipv4.conf.all.rp_filter = 2\n")
    (etc / "96-b.conf").write_text("net.ipv4.conf.*.rp_filter = 0\n")

    found = sysctl_files.after(str(etc / "90-holdfast.conf"), ["net.ipv4.conf.all.rp_filter"])

    assert found["net.ipv4.conf.all.rp_filter"]["value"] == "2"


def test_snapshot_never_takes_our_value_for_the_hosts(proc, tmp_path):
    """What is recorded is not recorded again; what is new is added."""
    own = tmp_path / "own.conf"
    first = snapshots.extended(None, ["net.core.somaxconn"], [str(own)])
    (proc / "net" / "core" / "somaxconn").write_text("16384\n")
    own.write_text("ours")

    second = snapshots.extended(first, ["net.core.somaxconn", "net.core.none"], [str(own)])

    assert second["values"] == {"net.core.somaxconn": "4096", "net.core.none": None}
    assert second["files"] == {str(own): None}


def test_snapshot_brings_back_bytes_mode_and_links(tmp_path):
    """A file, a link and nothing at all come back as they were."""
    plain, link, absent = tmp_path / "plain", tmp_path / "link", tmp_path / "absent"
    plain.write_bytes(b"\x00\xff\n")
    plain.chmod(0o640)
    link.symlink_to("elsewhere")
    kept = snapshots.extended(None, [], [str(plain), str(link), str(absent)])
    plain.write_text("ours")
    plain.chmod(0o644)
    link.unlink()
    absent.write_text("ours")

    for path in snapshots.differing_files(kept):
        snapshots.restore_file(path, kept["files"][path])

    assert plain.read_bytes() == b"\x00\xff\n"
    assert plain.stat().st_mode & 0o777 == 0o640
    assert os.readlink(link) == "elsewhere"
    assert not absent.exists()
    assert snapshots.differing_files(kept) == []


def test_restored_snapshot_leaves_no_folder_behind(tmp_path):
    """The snapshot and the folders that came with it are gone; others stay."""
    path = tmp_path / "var" / "holdfast" / "snapshots" / "role.json"
    kept = snapshots.extended(None, [], [str(tmp_path / "var" / "holdfast" / "profile.yaml")])
    (tmp_path / "var").mkdir()
    snapshots.store(str(path), kept)

    snapshots.forget(str(path), kept)

    assert list((tmp_path / "var").iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", '{"version": 7}', "\x00"])
def test_damaged_snapshot_is_named(tmp_path, text):
    """What is no snapshot is never overwritten, but named with what to do."""
    path = tmp_path / "role.json"
    path.write_text(text)

    with pytest.raises(snapshots.SnapshotError, match=r"role\.json.*move it away"):
        snapshots.load(str(path))


def test_full_disk_is_named_and_leaves_the_old_file(tmp_path, monkeypatch):
    """Where a file cannot be written the old one stays, and nothing half-written beside it."""
    path = tmp_path / "own.conf"
    path.write_text("old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshots.os, "fsync", full)

    with pytest.raises(snapshots.SnapshotError, match=r"own\.conf: cannot be written, No space left on device"):
        snapshots.restore_file(str(path), snapshots.plain_file("new"))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_snapshot_of_the_earlier_format_is_read(tmp_path):
    """The roles of HAProxy and Redis once wrote one of their own, which has to lead back all the same."""
    kept = {"/etc/a": None, "/etc/b": {"content": "eA==", "mode": 0o640, "uid": 1, "gid": 2}}
    path = tmp_path / "load_balancer.json"
    path.write_text(json.dumps({"files": kept}))
    found = snapshots.load(str(path))

    assert found["files"] == {"/etc/a": None, "/etc/b": {"content": "eA==", "mode": 0o640, "owner": 1, "group": 2}}
    assert (found["values"], found["folders"]) == ({}, [])
