"""Tests of holdfast.profile.compare."""

from holdfast.profile.compare import differences
from holdfast.profile.load import build, overlay


def test_differences_of_a_profile_with_itself_are_none(production, facts):
    """The same is the same."""
    assert differences(production, production, (facts, facts)) == []


def test_differences_show_intent_and_what_follows(production, facts, with_intents):
    """A changed intent is there, and each number that moved with it."""
    found = {
        (one.kind, one.name): (one.before, one.after)
        for one in differences(production, with_intents(drain_window=100), (facts, facts))
    }

    assert found["intent", "drain_window"] == ("120", "100")
    assert found["number", "stop_timeout"] == ("185", "165")
    assert ("number", "descriptors") not in found


def test_differences_show_entries(production, facts):
    """An entry that is changed, and one that is gone."""
    change = {"entries": [{"id": "hf-dead-005", "value": 20}], "remove": ["hf-vm-002"]}
    other = build(overlay(production.model_dump(mode="json"), change, "test"), "test")

    found = {one.name: (one.before, one.after) for one in differences(production, other, (facts, facts))}

    assert found == {"hf-dead-005.value": ("30", "20"), "hf-vm-002": ("vm.swappiness", "")}
