"""Tests of holdfast.profile.lint."""

from pathlib import Path

import pytest

from holdfast.profile import ProfileError
from holdfast.profile.lint import lint, lint_sysctl
from tests.unit.profile.test_invariants import CASES


@pytest.mark.parametrize("name", ["production", "staging", "local"])
def test_lint_finds_nothing_in_what_is_shipped(name):
    """The shipped profiles have no fault, for any role."""
    assert lint(name) == []


def test_lint_finds_contradictions_and_folklore_at_once(tmp_path):
    """All faults are told together, each once."""
    path = tmp_path / "own.yaml"
    path.write_text(
        "extends: production\nname: own\nintents: {drain_window: 10s}\n"
        "entries: [{id: hf-dead-007, value: 0}, {id: hf-tcp-002, value: [1, 2, 3]}]\n"
    )

    assert sorted(fault.name for fault in lint(path)) == [
        "drain_too_fast",
        "folklore_tcp_mem_fixed",
        "folklore_timestamps_off",
    ]


def test_lint_of_a_file_that_is_no_profile_says_so(tmp_path):
    """A malformed file is a finding, not a crash."""
    path = tmp_path / "own.yaml"
    path.write_text("[")

    assert [fault.name for fault in lint(path)] == ["profile_unreadable"]


def test_lint_sysctl_names_file_and_line(tmp_path):
    """Files that others wrote are held to the same list."""
    path = tmp_path / "99-fast.conf"
    path.write_text("net.ipv4.tcp_tw_recycle = 1\n")

    assert "99-fast.conf" in lint_sysctl(path)[0].text


def test_lint_sysctl_of_a_missing_file_is_refused(tmp_path):
    """A file that is not there is a fault of its own."""
    with pytest.raises(ProfileError, match="sysctl_unreadable"):
        lint_sysctl(tmp_path / "none.conf")


def test_lint_finds_nothing_in_the_example_of_the_manual(tmp_path):
    """Whoever starts from docs/profile.md starts from a profile that works."""
    page = (Path(__file__).parents[3] / "docs" / "profile.md").read_text(encoding="utf-8")
    path = tmp_path / "ours.yaml"
    path.write_text(page.partition("```yaml\n")[2].partition("```")[0])

    assert lint(path) == []


def test_manual_names_every_fault():
    """Each name that a contradiction can have is explained on the page."""
    page = (Path(__file__).parents[3] / "docs" / "profile.md").read_text(encoding="utf-8")

    assert [name for name in sorted({case[0] for case in CASES}) if f"`{name}`" not in page] == []
