"""Tests of holdfast.profile.render.kernel."""

import re

from holdfast.profile import render
from holdfast.profile.render import kernel


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


def test_sysctl_warns_whoever_copies_it_by_hand(production, facts):
    """A plain file knows no host: each bound says that a host may have more, an exact value has nothing to say."""
    lines = kernel.sysctl(production, facts).splitlines()
    before = {line.partition(" = ")[0].lstrip("-"): lines[at - 1] for at, line in enumerate(lines) if " = " in line}

    assert any(line.startswith("# WARNING") and "LOWERS" in line for line in lines)
    assert before["net.core.somaxconn"].startswith("# At least")
    assert before["net.ipv4.tcp_retries2"].startswith("# hf-dead-004")
