"""Where a rollback leads, for fleets in every state that deploys leave behind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scripts.collection import plugin

releases = plugin("module_utils.releases")
way_back = plugin("module_utils.way_back")
filters = plugin("filter.releases")
INSTALLED = frozenset({"v0", "v1", "v2", "v3"})
# What the words of the tables say: a version, and the settings behind a slash.
Rows = str


def release(word: str) -> Any:
    """Return a release; its settings have a line that each host has for itself."""
    version, _, settings = word.partition("/")
    return releases.Release(version, settings)


def host(rows: Rows, now: str = "", begun: str = "", back: str = "", installed: frozenset[str] = INSTALLED) -> Any:
    """Return a host from words such as `v1@d1,d2 v2@d3`; it serves the last one if nothing else is said."""
    found = []
    for word in rows.split():
        name, _, deploys = word.partition("@")
        found.append(releases.Row(release(name), tuple(one for one in deploys.split(",") if one)))
    serving = tuple(release(word) for word in now.split()) or (found[-1].release,)
    own, _, to = back.partition(">")
    history = releases.History(tuple(found), dict.fromkeys(begun.split(), "x"), (own, to))
    return way_back.Found(history, serving, installed)


def told(choice: Any) -> dict[str, str]:
    """Return what becomes of each host: where it goes back to, `alone` or `stays`."""
    return {
        name: f"{step.release.version}/{step.release.settings}".rstrip("/") if step.action == "back" else step.action
        for name, step in choice.steps.items()
    }


FLEETS = {
    "whole": ({"gw1": host("v1@d1 v2@d2"), "gw2": host("v1@d1 v2@d2")}, {"gw1": "v1", "gw2": "v1"}),
    "stopped between hosts": (
        {"gw1": host("v0@d0 v1@d1 v2@d2"), "gw2": host("v0@d0 v1@d1", begun="d2")},
        {"gw1": "v1", "gw2": "alone"},
    ),
    "stopped at the first host": (
        {"gw1": host("v0@d0 v1@d1", begun="d2"), "gw2": host("v0@d0 v1@d1", begun="d2")},
        {"gw1": "alone", "gw2": "alone"},
    ),
    "killed in the middle of a host": (
        {"gw1": host("v1@d1", now="v1 v2", begun="d2"), "gw2": host("v1@d1", begun="d2")},
        {"gw1": "v1", "gw2": "alone"},
    ),
    "killed before it was written down": (
        {"gw1": host("v0@d0 v1@d1", now="v2", begun="d2"), "gw2": host("v0@d0 v1@d1", begun="d2")},
        {"gw1": "v1", "gw2": "alone"},
    ),
    "settings only": (
        {"gw1": host("v1/s1@d1 v1/s2@d2"), "gw2": host("v1/s1@d1", begun="d2")},
        {"gw1": "v1/s1", "gw2": "alone"},
    ),
    "two that stopped, the second with another version": (
        {"gw1": host("v1@d1 v2@d2 v3@d3"), "gw2": host("v1@d1", begun="d2 d3")},
        {"gw1": "v1", "gw2": "alone"},
    ),
    "stopped, then mended and gone on": (
        {"gw1": host("v1@d1 v2@d2 v3@d3"), "gw2": host("v1@d1 v3@d3", begun="d2")},
        {"gw1": "v1", "gw2": "v1"},
    ),
    "of one host's settings alone": (
        {"gw1": host("v1/s1@d1 v1/s2@d2"), "gw2": host("v1@d1,d2")},
        {"gw1": "v1/s1", "gw2": "alone"},
    ),
    "after that of one host's settings": (
        {"gw1": host("v1/s1@d1 v1/s2@d2 v2@d3"), "gw2": host("v1@d1,d2 v2@d3")},
        {"gw1": "v1/s2", "gw2": "v1"},
    ),
    "tried on one host": ({"gw1": host("v1@d1 v2@d2"), "gw2": host("v1@d1")}, {"gw1": "v1", "gw2": "alone"}),
    "stopped, and the old one deployed again": (
        {"gw1": host("v0@d0 v1@d1,d3", begun="d2"), "gw2": host("v0@d0 v1@d1,d3", begun="d2")},
        {"gw1": "v0", "gw2": "v0"},
    ),
    "an older one deployed": (
        {"gw1": host("v1@d1 v2@d2 v1@d3"), "gw2": host("v1@d1 v2@d2 v1@d3")},
        {"gw1": "v2", "gw2": "v2"},
    ),
    "host that came later": (
        {"gw1": host("v1@d1 v2@d2"), "gw2": host("v1@d1 v2@d2"), "gw3": host("v2@d2")},
        {"gw1": "v1", "gw2": "v1", "gw3": "stays"},
    ),
    "host without a record": ({"gw1": host("v1@d1 v2@d2"), "gw3": host("", now="v2")}, {"gw1": "v1", "gw3": "stays"}),
    "version gone from one host": (
        {"gw1": host("v1@d1 v2@d2"), "gw2": host("v1@d1 v2@d2", installed=frozenset({"v2"}))},
        {"gw1": "v1", "gw2": "stays"},
    ),
    "rollback that was cut off": (
        {"gw1": host("v0@d0 v1@d1,d3-back"), "gw2": host("v0@d0 v1@d1,d3-back", now="v2")},
        {"gw1": "alone", "gw2": "v1"},
    ),
    "rollback, and a second one": (
        {"gw1": host("v0@d0 v1@d1,d3-back"), "gw2": host("v0@d0 v1@d1,d3-back")},
        {"gw1": "v0", "gw2": "v0"},
    ),
    "rollback of one host of a whole deploy": (
        {"gw1": host("v0@d0 v1@d1,d3-back"), "gw2": host("v0@d0 v1@d1 v2@d2")},
        {"gw1": "alone", "gw2": "v1"},
    ),
    "release that was given up": (
        {"gw1": host("v1@d1,d3-back v3@d4"), "gw2": host("v1@d1,d3-back v3@d4")},
        {"gw1": "v1", "gw2": "v1"},
    ),
    "settings that somebody changed by hand": (
        {"gw1": host("v1@d1 v2@d2", now="v2/mine"), "gw2": host("v1@d1 v2@d2")},
        {"gw1": "v1", "gw2": "v1"},
    ),
    "earlier format": ({"gw1": host("v0 v1 v2"), "gw2": host("v0 v1 v2")}, {"gw1": "v1", "gw2": "v1"}),
    "earlier format, stopped between hosts": (
        {"gw1": host("v0 v1 v2"), "gw2": host("v0 v1")},
        {"gw1": "v1", "gw2": "alone"},
    ),
    "earlier format, settings only, stopped between hosts": (
        {"gw1": host("v1/s1 v1/s2"), "gw2": host("v1/s1")},
        {"gw1": "v1/s1", "gw2": "alone"},
    ),
    "earlier format, lists that were cut": (
        {"gw1": host("v1 v2"), "gw2": host("v0 v1")},
        {"gw1": "v1", "gw2": "alone"},
    ),
    "earlier format, host that came later": (
        {"gw1": host("v1 v2"), "gw2": host("v1 v2"), "gw3": host("v2")},
        {"gw1": "v1", "gw2": "v1", "gw3": "stays"},
    ),
    "earlier format, then one of today that stopped": (
        {"gw1": host("v0 v1 v2@d1"), "gw2": host("v0 v1", begun="d1")},
        {"gw1": "v1", "gw2": "alone"},
    ),
    "earlier format, then one of today": (
        {"gw1": host("v0 v1 v2@d1"), "gw2": host("v0 v1 v2@d1")},
        {"gw1": "v1", "gw2": "v1"},
    ),
    "earlier format, then one of today that found it all and stopped": (
        {"gw1": host("v0 v1@d1"), "gw2": host("v0 v1", begun="d1")},
        {"gw1": "alone", "gw2": "alone"},
    ),
    "earlier format, hosts of two sizes": (
        {"gw1": host("v1/big v2/big"), "gw2": host("v1/small")},
        {"gw1": "v1/big", "gw2": "alone"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fleet", "expected"), FLEETS.values(), ids=FLEETS)
def test_rollback_leads_all_hosts_to_one_target(fleet: dict[str, Any], expected: dict[str, str]) -> None:
    """The release that served on all hosts before the latest deploy; whoever serves it is left alone."""
    assert told(way_back.choose(fleet, "d9")) == expected


@pytest.mark.parametrize(
    ("fleet", "text"),
    [
        ({"gw1": host("", now="v1")}, "no release is recorded"),
        ({"gw1": host("v1@d1"), "gw2": host("v1@d1")}, "v1 is the first release"),
        ({"gw1": host("v1@d1"), "gw2": host("", now="v1", begun="d1")}, "has reached all its hosts"),
        ({"gw1": host("v1/a v1/b"), "gw2": host("v1/c v1/d")}, "cannot be compared between hosts"),
        ({"gw1": host("v1@d1 v2@d2", installed=frozenset({"v2"}))}, "gw1: v1 is not installed there any more"),
    ],
    ids=["nothing", "first", "never whole", "two sizes and one version", "gone"],
)  # fmt: skip
def test_no_way_back_is_named(fleet: dict[str, Any], text: str) -> None:
    """Nothing on record, only one release, or records that say too little."""
    with pytest.raises(way_back.NothingBeforeError, match=text):
        way_back.choose(fleet, "d9")


def test_playbook_is_told_why_there_is_no_way_back() -> None:
    """In words that it can show by themselves, and without steps."""
    first = [{"version": "v1", "settings": "s", "deploys": ["d1"]}]
    looks = {"gw1": {"history": first, "serving": [{"version": "v1", "settings": "s"}], "installed": ["v1"]}}
    choice = filters.rollback_choice(looks, "d9")

    assert choice["refusal"].startswith(
        "there is nothing to go back to, and nothing was changed: v1 is the first release"
    )
    assert choice["steps"] == {}


def test_own_address_does_not_tell_hosts_apart_in_the_earlier_format() -> None:
    """Settings name the host's address; releases of one deploy differ by it."""
    one, two = (host(f"v1/host:{name} v2/host:{name}") for name in ("a", "b"))

    assert told(way_back.choose({"gw1": one, "gw2": two}, "d9")) == {"gw1": "v1/host:a", "gw2": "v1/host:b"}


def test_rollback_that_goes_on_under_its_name_leads_to_the_same_target() -> None:
    """Also where all hosts have arrived: it was cut off while the last one was watched, and goes no further."""
    there = host("v0@d0 v1@d1,d3-back", back="d3-back>d1")
    all_there = {"gw1": there, "gw2": there, "gw3": host("v2@d2")}
    one_there = {"gw1": there, "gw2": host("v0@d0 v1@d1 v2@d2")}

    assert told(way_back.choose(all_there, "d3")) == {"gw1": "alone", "gw2": "alone", "gw3": "stays"}
    assert told(way_back.choose(one_there, "d3")) == {"gw1": "alone", "gw2": "v1"}


def test_name_of_a_rollback_that_others_came_after_leads_nowhere() -> None:
    """One that was cut off and forgotten has no say in what a later one is about."""
    fleet = {"gw1": host("v0@d0 v1@d1,d3-back v2@d4 v3@d5")}
    choice = way_back.choose(fleet, "d3")

    assert (choice.name, told(choice)) == ("d5+d3-back", {"gw1": "v2"})


def test_host_is_told_what_becomes_of_it() -> None:
    """Where it goes from where, that it is there already, or why it stays."""
    fleet = {
        "gw1": host("v1@d1 v2@d2"), "gw2": host("v1@d1", begun="d2"), "gw3": host("v1/old@d1 v1@d2"),
        "gw4": host("", now="v2"),
    }  # fmt: skip
    texts = {name: step.text for name, step in way_back.choose(fleet, "d9").steps.items()}

    assert texts == {
        "gw1": "back to v1, from v2",
        "gw2": "serves v1 already, with the settings of then; left alone",
        "gw3": "back to v1, with its settings of then",
        "gw4": "came later and never served the release that the others go back to; it stays with v2",
    }


def test_name_sorts_behind_all_others_and_is_found_again() -> None:
    """Also where the clock of the controller that deployed was ahead."""
    name = way_back.choose({"gw1": host("v1@d1 v2@d8")}, "d3").name
    again = way_back.choose({"gw1": host(f"v0@d0 v1@d1,{name}", back=f"{name}>d1")}, "d3")

    assert name == "d8+d3-back"
    assert (again.name, told(again)) == (name, {"gw1": "alone"})
