from __future__ import annotations

import pytest

from holdfast.verify.collect import sysctl_files


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Make three folders in place of the system's, and a last file that is not there."""
    found = [tmp_path / name for name in ("etc", "run", "lib")]
    for folder in found:
        folder.mkdir()
    monkeypatch.setattr(sysctl_files, "FOLDERS", tuple(str(folder) for folder in found))
    monkeypatch.setattr(sysctl_files, "LAST", str(tmp_path / "sysctl.conf"))
    return found


def won(*keys):
    """Return name, line and value of what wins for each key."""
    return {
        key: (line["file"].rpartition("/")[2], line["line"], line["value"])
        for key, line in sysctl_files.winners(list(keys), sysctl_files.files()).items()
    }


def test_later_name_wins_whatever_its_folder(folders):
    """Names are sorted over all folders, and the last line counts."""
    etc, _, lib = folders
    (etc / "90-a.conf").write_text("net.core.somaxconn = 1\n")
    (lib / "99-z.conf").write_text("# x = 2\n-net/core/somaxconn=3\nnet.core.somaxconn =  4   5\n")

    assert won("net.core.somaxconn") == {"net.core.somaxconn": ("99-z.conf", 3, "4 5")}


def test_same_name_in_an_earlier_folder_hides_the_later_one(folders):
    """A file of /etc replaces the distribution's of that name, and may be empty."""
    etc, _, lib = folders
    (etc / "50-a.conf").write_text("")
    (lib / "50-a.conf").write_text("net.core.somaxconn = 1\n")

    assert won("net.core.somaxconn") == {}


def test_sysctl_conf_is_read_last(folders):
    """It wins over every drop-in, unless a link among them gives it another place."""
    etc, *_ = folders
    last = etc.parent / "sysctl.conf"
    last.write_text("a.b = 1\n")
    (etc / "99-a.conf").write_text("a.b = 2\n")
    assert won("a.b") == {"a.b": ("sysctl.conf", 1, "1")}

    (etc / "10-link.conf").symlink_to(last)
    assert won("a.b") == {"a.b": ("99-a.conf", 1, "2")}


def test_exact_key_wins_over_a_pattern(folders):
    """A pattern sets what no line names exactly."""
    etc, *_ = folders
    (etc / "10-a.conf").write_text("net.ipv4.conf.eth0.rp_filter = 1\n")
    (etc / "15-a.conf").write_text("net.ipv4.conf.*.rp_filter = 0\n")
    (etc / "20-a.conf").write_text("net.ipv4.conf.*.rp_filter = 2\n")

    assert won("net.ipv4.conf.eth0.rp_filter", "net.ipv4.conf.lo.rp_filter") == {
        "net.ipv4.conf.eth0.rp_filter": ("10-a.conf", 1, "1"),
        "net.ipv4.conf.lo.rp_filter": ("20-a.conf", 1, "2"),
    }


def test_after_looks_only_at_files_that_are_read_later(folders):
    """What stands before ours cannot win over it."""
    etc, *_ = folders
    (etc / "10-a.conf").write_text("a.b = 1\n")
    (etc / "99-a.conf").write_text("a.c = 2\n")

    assert sysctl_files.after("/etc/sysctl.d/90-holdfast.conf", ["a.b", "a.c"]) == {
        "a.c": {"file": str(etc / "99-a.conf"), "line": 1, "value": "2"}
    }


def test_file_that_cannot_be_read_sets_nothing(tmp_path):
    """A missing file or folder is nothing."""
    assert sysctl_files.settings(str(tmp_path)) == []
    assert sysctl_files.settings(str(tmp_path / "gone")) == []
