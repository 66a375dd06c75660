"""The record of releases and deploys on a host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.scripts.collection import plugin

releases = plugin("module_utils.releases")
A, B, C = (releases.Release(f"0.{number}", "settings") for number in range(3))
OTHER = releases.Release("0.0", "other settings")


def record(*rows: tuple[object, str], **begun: str) -> Any:
    """Return a history of releases, each with its deploys in one word."""
    return releases.History(tuple(releases.Row(release, tuple(names.split())) for release, names in rows), begun)


def test_deploy_is_noted_when_it_begins_and_when_it_serves() -> None:
    """In between it is known for one that has not come to serve."""
    begun = releases.begun(record((A, "d1")), "d2", B)
    ended = releases.recorded(begun, B, "d2", 6)

    assert begun.begun == {"d2": releases.digest(B)}
    assert (begun.at("d2"), ended.at("d2")) == (A, B)
    assert ended == record((A, "d1"), (B, "d2"))


def test_deploy_that_finds_its_release_is_noted_with_it() -> None:
    """Another host may have changed by it; where it is noted already nothing is written."""
    found = releases.recorded(record((A, "d1")), A, "d2", 6)

    assert found == record((A, "d1 d2"))
    assert releases.begun(found, "d2", A) == releases.recorded(found, A, "d2", 6) == found


def test_release_that_is_deployed_again_stands_there_twice() -> None:
    """The way back from it leads to what served in between."""
    found = releases.recorded(record((A, "d1"), (B, "d2")), A, "d3", 6)

    assert (found.at("d2"), found.at("d3")) == (B, A)


def test_settings_alone_make_another_release() -> None:
    """A version with other settings is told from itself."""
    assert releases.recorded(record((A, "d1")), OTHER, "d2", 6) == record((A, "d1"), (OTHER, "d2"))


def test_record_is_bounded() -> None:
    """Only the last ones are kept."""
    assert releases.recorded(record((A, "d1"), (B, "d2")), C, "d3", 2) == record((B, "d2"), (C, "d3"))


def test_what_was_given_up_is_forgotten() -> None:
    """Neither its release nor its deploy is on record after the step back, nor what began behind it."""
    found = releases.taken_back(record((A, "d1"), (B, "d2"), (C, "d3"), d4="x"), B, "d2", "d5-back")

    assert found == replace(record((A, "d1"), (B, "d2 d5-back")), back=("d5-back", "d2"))


def test_step_back_over_a_deploy_that_changed_nothing_here_forgets_it() -> None:
    """The release stays, the deploy's name goes; one that stopped before stays known as such."""
    found = releases.taken_back(record((A, "d1 d3"), d2="x", d4="x"), A, "d1", "d5-back")

    assert found == replace(record((A, "d1 d5-back")), back=("d5-back", "d1"))
    assert releases.taken_back(record((A, "d1 d3"), d2="x"), A, "d3", "d5-back").begun == {"d2": "x"}


def test_step_back_finds_rows_of_the_earlier_format() -> None:
    """They have no deploy; the release is what tells them."""
    old = releases.read([{"version": "0.0", "settings": "settings"}, {"version": "0.1", "settings": "settings"}])

    assert releases.taken_back(old, A, "0-0000", "d5-back").rows == record((A, "d5-back")).rows


def test_deploy_that_is_run_again_keeps_its_name() -> None:
    """Where the last one was to bring the same, on those that have it and on those that do not yet."""
    half = {"gw1": record((A, "d1"), (B, "d2")), "gw2": record((A, "d1"), d2=releases.digest(B)), "gw3": record()}
    changed = half | {"gw2": record((A, "d1"), d2=releases.digest(C))}

    assert releases.deploy_name(half, dict.fromkeys(half, B), "d3") == "d2"
    assert releases.deploy_name(half, dict.fromkeys(half, C), "d3") == "d3"
    assert releases.deploy_name(changed, dict.fromkeys(half, B), "d3") == "d3"


def test_name_sorts_behind_all_others() -> None:
    """Also where the clock of another controller was ahead."""
    assert releases.deploy_name({"gw1": record((A, "d9"))}, {"gw1": B}, "d3") == "d9+"
    assert releases.deploy_name({"gw1": record()}, {"gw1": B}, "d3") == "d3"


def test_versions_in_use_and_the_latest_stay() -> None:
    """What a slot leads to is never removed, whatever the record says."""
    history = record((A, "d1"), (B, "d2"), (C, "d3"))

    assert releases.superfluous(["0.0", "0.1", "0.2", "0.3"], history, {"0.0"}, 2) == ["0.3"]


def test_file_with_anything_else_is_an_empty_record() -> None:
    """A file that somebody has spoilt is no reason not to deploy."""
    for content in ({"version": 1}, [1, {"version": 2}], "x", {"releases": 3, "begun": [4, {}]}):
        assert releases.read(content) == record()


def test_record_survives_its_file() -> None:
    """What is written is read again."""
    history = replace(record((A, "d1"), (B, "d2 d3"), d4="x"), back=("d0-back", "d0"))

    assert releases.read(releases.content_of(history)) == history
