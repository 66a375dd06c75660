"""Tests of what the controller decides for a host's sysctl.d file."""

from __future__ import annotations

from types import SimpleNamespace

from ansible_collections.holdfast.gateway.plugins.plugin_utils.tuning_plan import Choices, Found, content, plan

from holdfast.profile import raise_only

PATH = "/etc/sysctl.d/90-holdfast.conf"
KEY = "net.core.somaxconn"


def setting(value: object = 16384, mode: str = "min", key: str = KEY, **more: object) -> dict:
    """Return an expectation as roles have it."""
    return {"id": "hf-accept-001", "key": key, "mode": mode, "value": value, "why": "bursts", "optional": False, **more}


def decide(
    settings: list[dict],
    values: dict,
    *,
    optional: tuple = (),
    appearing: tuple = (),
    form="sysctl",
    fresh: tuple = (),
    **more,
):
    """Plan for a host whose values can all be written, unless said otherwise."""
    info = {"values": values, "writable": list(values), "later": {}, "own": {}, "before": {}, "kernel": "6.1"} | more
    choices = Choices(
        PATH, frozenset(optional), appearing,
        lambda one, current: raise_only(SimpleNamespace(**one), current), form, frozenset(fresh),
    )  # fmt: skip
    return plan(settings, Found.of(info), choices)


def test_low_value_is_raised_and_kept():
    """What is below the wanted value is written to the file and to the kernel."""
    result = decide([setting()], {KEY: "4096"})

    assert result.apply == {KEY: "16384"}
    assert f"{KEY} = 16384" in content(result)
    assert "# hf-accept-001: bursts" in content(result)
    assert result.names == [KEY]


def test_higher_value_is_left_alone():
    """A host that has more by itself gets no line, which would lower it at the next boot."""
    result = decide([setting()], {KEY: "65535"})

    assert result.apply == {}
    assert KEY not in content(result)
    assert result.notes


def test_equal_value_is_kept():
    """A host that has just what is wanted gets the line, whatever its defaults become."""
    assert f"{KEY} = 16384" in content(decide([setting()], {KEY: "16384"}))


def test_second_run_decides_as_the_first():
    """Our own value in the kernel is not taken for the host's."""
    first = decide([setting()], {KEY: "4096"})
    second = decide([setting()], {KEY: "16384"}, before={KEY: "4096"}, own={KEY: "16384"})

    assert content(second) == content(first)
    assert second.apply == {}


def test_value_lowered_by_hand_is_raised_again():
    """Drift below what is wanted is mended although the host once had more, and stays mended."""
    mended = decide([setting()], {KEY: "128"}, before={KEY: "65535"})
    later = decide([setting()], {KEY: "16384"}, before={KEY: "65535"}, own={KEY: "16384"})

    assert mended.apply == {KEY: "16384"}
    assert f"{KEY} = 16384" in content(mended)
    assert content(later) == content(mended)


def test_several_numbers_are_raised_each():
    """Of a key with several numbers each is raised for itself, in the file, too."""
    key = "net.ipv4.tcp_mem"
    result = decide([setting("10 200 300", key=key)], {key: "100 100 100"})

    assert result.apply == {key: "100 200 300"}
    assert f"{key} = 100 200 300" in content(result)


def test_missing_key_is_a_problem_with_the_kernel_named():
    """A key that this kernel lacks stops the run by name."""
    result = decide([setting()], {KEY: None})

    assert len(result.problems) == 1
    assert KEY in result.problems[0]
    assert "6.1" in result.problems[0]


def test_missing_key_is_fine_where_it_is_optional():
    """The profile or the caller may allow a host to lack a key."""
    by_profile = decide([setting(optional=True)], {KEY: None})
    by_caller = decide([setting()], {KEY: None}, optional=(KEY,))

    assert by_profile.problems == by_caller.problems == []
    assert by_profile.notes
    assert by_caller.apply == {}


def test_read_only_key_is_a_problem_only_when_it_has_to_change():
    """A key that cannot be written stops the run unless it has what is wanted."""
    low = decide([setting()], {KEY: "128"}, writable=[])
    enough = decide([setting()], {KEY: "16384"}, writable=[])

    assert "read-only" in low.problems[0]
    assert enough.problems == []


def test_later_file_that_wins_is_named():
    """A file that is read after ours stops the run with its line, where its value is not enough."""
    later = {KEY: {"file": "/etc/sysctl.d/99-x.conf", "line": 3, "value": "128"}}
    loses = decide([setting()], {KEY: "4096"}, later=later)
    fits = decide([setting()], {KEY: "4096"}, later={KEY: {**later[KEY], "value": "65535"}})

    assert "/etc/sysctl.d/99-x.conf line 3 sets 128" in loses.problems[0]
    assert fits.problems == []


def test_key_of_a_module_is_expected_to_appear():
    """Check mode loads no module, and still predicts the keys that come with it."""
    key = "net.netfilter.nf_conntrack_max"
    result = decide([setting(524288, key=key)], {key: None}, appearing=("net.netfilter.",))

    assert result.problems == []
    assert result.apply == {key: "524288"}


def test_value_below_sys_is_kept_by_tmpfiles():
    """What is no sysctl becomes a line of tmpfiles.d."""
    key = "/sys/kernel/mm/transparent_hugepage/enabled"
    result = decide([setting("madvise", "exact", key)], {key: "always"}, form="tmpfiles")

    assert f"w {key} - - - - madvise" in content(result)
    assert result.apply == {key: "madvise"}


def test_optional_key_gets_a_minus():
    """systemd-sysctl goes on without a word where a kernel lacks an optional key."""
    assert f"-{KEY} = 16384" in content(decide([setting(optional=True)], {KEY: "4096"}))


def test_value_that_came_with_a_module_is_not_the_hosts():
    """A kernel that makes more of the table's size than is wanted is set as predicted, and the line stays."""
    key = "net.netfilter.nf_conntrack_max"
    predicted = decide([setting(262144, key=key)], {key: None}, appearing=("net.netfilter.",))
    loaded = decide([setting(262144, key=key)], {key: "2097152"}, fresh=(key,), before={key: None})
    again = decide([setting(262144, key=key)], {key: "262144"}, before={key: None})
    raised = decide([setting(262144, key=key)], {key: "524288"}, before={key: None})

    assert loaded.apply == predicted.apply == {key: "262144"}
    assert content(loaded) == content(predicted) == content(again) == content(raised)
    assert again.apply == raised.apply == {}
