from __future__ import annotations

from holdfast.verify.collect import declared


def test_last_drop_in_of_a_unit_wins(tmp_path):
    """Only the service's section counts, and the last assignment."""
    first, second = tmp_path / "a.service", tmp_path / "b.conf"
    first.write_text("[Unit]\nLimitNOFILE=1\n[Service]\nLimitNOFILE = 2\nKillMode=mixed\n")
    second.write_text("[Service]\n# LimitNOFILE=4\nLimitNOFILE=3\n")

    assert declared.in_units([str(first), str(second)], ["LimitNOFILE", "KillMode"]) == {
        "LimitNOFILE": {"file": str(second), "line": 3, "value": "3"},
        "KillMode": {"file": str(first), "line": 5, "value": "mixed"},
    }


def test_haproxys_global_section_is_not_its_defaults(tmp_path):
    """Maxconn stands in several sections; the process' own is in `global`."""
    path = tmp_path / "haproxy.cfg"
    path.write_text("global\n    maxconn 10 # all\ndefaults\n    maxconn 20\n")

    assert declared.in_haproxy([str(path)], ["maxconn"]) == {"maxconn": {"file": str(path), "line": 2, "value": "10"}}


def test_redis_files_are_followed(tmp_path):
    """An included file counts where it is included; quotes are taken off."""
    path, other = tmp_path / "redis.conf", tmp_path / "more.conf"
    other.write_text('requirepass "a b"\nmaxclients 2\n')
    path.write_text(f"# maxclients 1\nmaxclients 1\ninclude {tmp_path}/mo*.conf\nappendonly yes\nsave '\n")

    assert declared.in_redis([str(path)], ["maxclients", "requirepass", "appendonly", "save"]) == {
        "maxclients": {"file": str(other), "line": 2, "value": "2"},
        "requirepass": {"file": str(other), "line": 1, "value": "a b"},
        "appendonly": {"file": str(path), "line": 4, "value": "yes"},
        "save": {"file": str(path), "line": 5, "value": "'"},
    }


def test_files_of_a_command_line_are_found(tmp_path):
    """Named files in their order, then those of a folder."""
    (tmp_path / "b.cfg").write_text("")
    line = ["/usr/sbin/haproxy", "-f", "/etc/haproxy/haproxy.cfg", "-f", str(tmp_path), "-p", "/run/haproxy.pid"]

    assert declared.in_command(line) == ["/etc/haproxy/haproxy.cfg", f"{tmp_path}/b.cfg"]
    assert declared.lines_of(str(tmp_path / "gone")) == []
