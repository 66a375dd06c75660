"""Tests of holdfast.profile.render.capacity."""

import pytest

from holdfast.profile import ProfileError, load, render
from holdfast.profile.render.capacity import BLOCKS, filled


@pytest.mark.parametrize("name", ["production", "staging", "local"])
def test_capacity_has_every_table_of_each_profile(name):
    """`render capacity` prints all of them, for any profile."""
    profile = load(name)
    page = render("capacity", profile, profile.intents.reference.facts())

    assert {block for block in BLOCKS if f"## {block}\n" not in page} == {"console"}


def test_filled_makes_what_stands_between_marks_anew():
    """Stale numbers go, the text around them stays, and a second time changes nothing."""
    page = filled("Before.\n<!-- capacity: values of production -->\nold\n<!-- end of capacity -->\nAfter.\n", load)

    assert "old" not in page
    assert page.startswith("Before.\n<!-- capacity: values of production -->\n```yaml\n")
    assert page.endswith("<!-- end of capacity -->\nAfter.\n")
    assert filled(page, load) == page


def test_filled_refuses_a_table_that_there_is_not():
    """A misspelt mark is no empty table."""
    with pytest.raises(ProfileError, match="podz"):
        filled("<!-- capacity: podz of production -->\n<!-- end of capacity -->\n", load)


def test_memory_adds_up_to_the_limit(production, facts):
    """The table ends with what the chart asks for."""
    assert "| **Request and limit** | `memory_max_bytes` | **832 MiB** |" in BLOCKS["memory"](production, facts)


def test_pods_follow_the_profile(with_intents, facts):
    """Half the connections in a pod make about twice the pods."""
    smaller = with_intents(connections_per_instance=20000)

    assert "| **2** | **8** | **75** |" in BLOCKS["pods"](smaller, facts)


def test_rollouts_mark_the_window_of_the_profile(production, facts):
    """Its row is the one that holds now: minReadySeconds, grace and the time follow."""
    assert "| **120 s** | 333 | 130 s | 175 s | 7 min | 14 min | 85 min |" in BLOCKS["rollouts"](production, facts)


def test_limits_name_the_aims_of_the_autoscaler(production, facts):
    """Connections and CPU, and that the second one is not reached by connections."""
    table = BLOCKS["limits"](production, facts)

    assert "| Autoscaler aims at | 28,000 | 70 % of that |" in table
    assert "| 61 % of the request | at 28,000 connections with the planned messages it is 20 % |" in table
