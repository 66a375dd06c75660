"""Tests of scripts/deploy/changes.py."""

from __future__ import annotations

from tests.scripts.deploying import event

from deploy import changes  # isort: skip

SYSCTL = {
    "before": "net.core.somaxconn = 128\n",
    "after": "net.core.somaxconn = 4096\n",
    "after_header": "running values",
}
NEW = {"before": "", "after": "a = 1\n", "after_header": "/etc/sysctl.d/90-holdfast.conf"}
RELEASE = {"before": "release 0.1.0-aa\n", "after": "release 0.1.0-aa\nrelease 0.2.0-bb\n"}


def test_summary_names_host_role_and_key():
    """From what to what, below the role that does it."""
    lines = changes.summary([event(diff=[SYSCTL]), event("gw2", state="ok")])

    assert lines == [
        "gw1: 1 changes",
        "  kernel_tuning: 1",
        "    net.core.somaxconn: 128 -> 4096",
        "gw2: nothing changes",
    ]


def test_summary_says_which_version_comes():
    """Before and after, above the roles."""
    assert "  version: 0.1.0-aa -> 0.2.0-bb" in changes.summary([event(diff=[RELEASE])])


def test_new_file_is_named_once():
    """Its lines are all new: they are in the diff."""
    assert list(changes.key_changes([event(diff=NEW)])) == ["new /etc/sysctl.d/90-holdfast.conf"]


def test_key_that_stands_several_times_is_not_told():
    """HAProxy has a `timeout` in each section."""
    diff = {"before": "timeout 1\ntimeout 2\n", "after": "timeout 1\ntimeout 3\n"}

    assert list(changes.key_changes([event(diff=[diff])])) == ["Do it"]


def test_long_lists_of_keys_end_with_how_many_more():
    """The diff has them all."""
    after = "".join(f"key{number} = 1\n" for number in range(20))
    lines = changes.summary([event(diff=[{"before": "x = 1\n", "after": after}])])

    assert lines[-1] == "    ... and 9 more, see the diff"


def test_whole_diff_has_every_line_below_its_task():
    """As `diff -u` prints it."""
    text = changes.whole_diff([event(diff=[SYSCTL]), event(state="ok"), event(diff={"prepared": "-a\n+b"})])

    assert text.startswith("# gw1: kernel_tuning: Do it\n--- before\n+++ running values\n")
    assert "-net.core.somaxconn = 128\n+net.core.somaxconn = 4096\n" in text
    assert "-a\n+b" in text


def test_value_that_was_empty_is_none():
    """Not the sign before it."""
    diff = {"before": "a.ports = \nb = 1\n", "after": "a.ports = 8000-8001\nb = 1\n"}

    assert list(changes.key_changes([event(diff=[diff])])) == ["a.ports: none -> 8000-8001"]


def test_folder_that_is_made_is_named():
    """By its path, not by what Ansible calls its state."""
    diff = {"before": {"path": "/opt/x", "state": "absent"}, "after": {"path": "/opt/x", "state": "directory"}}

    assert list(changes.key_changes([event(diff=[diff])])) == ["new /opt/x/"]


def test_instance_that_is_rolled_is_named_with_the_reason():
    """Not by the hashes that tell its slots apart."""
    header = "instance 1 (it runs another version)"
    diff = {"before": "1a: ab12\n", "after": "1b: cd34\n", "before_header": header, "after_header": header}

    assert list(changes.key_changes([event(diff=[diff])])) == [header]
