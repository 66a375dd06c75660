"""Tests of holdfast.profile.derived."""

import pytest

from holdfast.profile.derive import calculate
from holdfast.profile.derived import MEANINGS
from holdfast.profile.model import Intents


def test_meanings_name_intents_that_there_are():
    """What a number is said to come from is an intent."""
    named = {intent for meaning in MEANINGS.values() for intent in meaning.intents}

    assert named <= set(Intents.model_fields)


@pytest.mark.parametrize("name", sorted(Intents.model_fields))
def test_numbers_change_only_with_the_intents_they_name(production, facts, name):
    """Whoever changes an intent can read beforehand which numbers follow."""
    before = calculate(production.intents, facts)
    value = getattr(production.intents, name)
    for other in _others(value):
        after = calculate(production.intents.model_copy(update={name: other}), facts)
        moved = {one for one in MEANINGS if getattr(before, one) != getattr(after, one)}

        assert moved <= {one for one, meaning in MEANINGS.items() if name in meaning.intents}


def _others(value):
    if isinstance(value, dict):
        return [{"quick": 9.0}, {"slow": 900.0}]
    if hasattr(value, "model_copy"):
        changes = {field: getattr(value, field) * 3 for field in type(value).model_fields if field != "kernel"}
        return [value.model_copy(update=changes)]
    if isinstance(value, tuple):
        return [("7-9",), ()] if value and isinstance(value[0], str) else [tuple(one / 2 for one in value)]
    if value is None:
        return [1024]
    return [value * 4, value / 4] if isinstance(value, float) else [value * 4, max(1, value // 4)]
