"""Tests of holdfast.profile.render.kernel."""

import re

from holdfast.profile import render


def assignments(text):
    """Read a sysctl.d file as sysctl.d(5) has it."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith(("#", ";")):
            match = re.fullmatch(r"(-?)([a-z0-9_./-]+) = (\S.*)", line)
            assert match, line
            found[match[2]] = match[3]
    return found


def test_sysctl_reads_as_sysctl_d(production, facts):
    """Each line is a comment or one assignment."""
    found = assignments(render("sysctl", production, facts))

    assert found["net.core.somaxconn"] == "16384"
    assert found["net.ipv4.tcp_mem"] == "251658 377487 629145"


def test_reason_of_several_lines_stays_a_comment(with_entry, facts):
    """Whatever a profile has for a reason, none of it is read as a setting."""
    text = render("sysctl", with_entry("hf-dead-005", why="one line,\nvm.swappiness = 100"), facts)

    assert "# hf-dead-005: one line, vm.swappiness = 100\n" in text
