from __future__ import annotations

import json

import pytest

from holdfast.verify import history

NAME = "TcpExtListenOverflows"


@pytest.fixture
def before(facts):
    """Return what is remembered of the host an hour earlier."""
    return history.record(facts, [NAME, "no_such"], 1000.0)


def counted(facts, total):
    """Return the facts with another sum, of which nothing came within the check."""
    return facts | {"counters": {NAME: {"total": total, "grown": 0, "seconds": 2}}}


def test_growth_since_the_last_check_is_found(facts, before):
    """What came between two checks counts, not only what came within one."""
    assert before["counters"] == {NAME: 7}

    found = history.compared(counted(facts, 9), before, 4600.0)["counters"][NAME]

    assert found == {"total": 9, "grown": 2, "seconds": 3600.0, "last": True}


def test_check_that_can_be_compared_with_none_says_why(facts, before):
    """The first one, another boot, another namespace, a clock set back, a counter that is new or began again."""
    other_boot = before | {"boot_id": "c"}
    other_network = before | {"namespace": "net:[9]"}
    cases = [(None, 9), (other_boot, 9), (other_network, 9), (before | {"at": 9e9}, 9), (before, 3)]
    cases += [(before | {"counters": {}}, 9)]

    found = [history.compared(counted(facts, total), one, 4600.0)["counters"][NAME] for one, total in cases]

    assert {one["grown"] for one in found} == {0}
    assert [one["first"] for one in found] == [
        "the first check that is remembered", "the first check since this start",
        "the first check in this network namespace", "the first check that is remembered", "the first check of it",
        "the first check of it",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"version": 2, "hosts": {"a": 1}}', '{"version": 1, "hosts": []}',
             '{"version": 1, "hosts": {"a": {"at": "x", "counters": {}}, "b": {"at": 1, "counters": {"c": "d"}}}}'],
)  # fmt: skip
def test_file_that_cannot_be_used_is_none(tmp_path, text):
    """Damaged or of another version it is written anew, and stops no check."""
    path = tmp_path / "counters.json"
    path.write_text(text)

    assert history.load(str(path)) == {}
    assert history.load(str(tmp_path / "none")) == {}


def test_hosts_of_other_checks_stay_in_the_file(tmp_path, before):
    """Fleets of one inventory may have several profiles, checked one after the other."""
    path = tmp_path / "counters.json"
    path.write_text(history.remember(str(path), {"gw1": before}))
    path.write_text(history.remember(str(path), {"gw2": before}))

    assert sorted(history.load(str(path))) == ["gw1", "gw2"]


def test_file_does_not_grow_without_end(before, monkeypatch):
    """Hosts that are gone for longest go first."""
    monkeypatch.setattr(history, "MOST_HOSTS", 2)

    kept = json.loads(history.text({"a": before, "b": before | {"at": 1.0}, "c": before | {"at": 2000.0}}))["hosts"]

    assert sorted(kept) == ["a", "c"]
