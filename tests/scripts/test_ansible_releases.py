"""The list of releases: what leads back where."""

from __future__ import annotations

import pytest

from tests.scripts.collection import plugin

releases = plugin("module_utils.releases")
A, B, C = (releases.Release(f"0.{number}", "settings") for number in range(3))


def test_release_before_is_one_to_the_left() -> None:
    """The way back leads to what served before."""
    assert releases.before([A, B, C], C) == B


def test_step_back_that_was_cut_off_is_taken_to_its_end() -> None:
    """The instances that went back already go no further: the list still ends with the release that is given up."""
    assert releases.before([A, B, C], B) == B


def test_first_release_has_nothing_before() -> None:
    """There the way back ends, by name."""
    with pytest.raises(releases.NothingBeforeError, match="first release"):
        releases.before([A], A)


def test_no_release_is_said() -> None:
    """A host without a list says so."""
    with pytest.raises(releases.NothingBeforeError, match="no release"):
        releases.before([], A)


def test_release_that_was_given_up_never_comes_back() -> None:
    """After a step back to A and a deploy of C, the way back leads to A and not to B."""
    after = releases.recorded(releases.recorded([A, B], A, 6), C, 6)

    assert releases.before(after, C) == A


def test_list_is_bounded() -> None:
    """Only the last ones are kept."""
    assert releases.recorded([A, B], C, 2) == [B, C]


def test_versions_in_use_and_the_latest_stay() -> None:
    """What a slot leads to is never removed, whatever the list says."""
    assert releases.superfluous(["0.0", "0.1", "0.2", "0.3"], [A, B, C], {"0.0"}, 2) == ["0.3"]


def test_file_with_anything_else_is_an_empty_list() -> None:
    """A list that somebody has spoilt is no reason not to deploy."""
    assert releases.read({"version": 1}) == releases.read([1, {"version": 2}]) == []


def test_list_survives_its_file() -> None:
    """What is written is read again."""
    assert releases.read(releases.rows_of([A, B])) == [A, B]
