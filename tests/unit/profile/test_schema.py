"""Tests of holdfast.profile.schema."""

import jsonschema
import pytest
import yaml

from holdfast.profile.load import shipped_profiles
from holdfast.profile.schema import profile_schema

VALIDATOR = jsonschema.Draft202012Validator(profile_schema())


def test_profile_schema_is_one():
    """It is sound by the rules of its own draft."""
    jsonschema.Draft202012Validator.check_schema(profile_schema())


@pytest.mark.parametrize("name", ["production", "staging", "local"])
def test_profile_schema_takes_the_shipped_files(name):
    """An editor shows no fault in what is shipped."""
    data = yaml.safe_load(shipped_profiles()[name].read_text(encoding="utf-8"))

    assert [error.message for error in VALIDATOR.iter_errors(data)] == []


def test_profile_schema_takes_null_for_what_is_taken_away():
    """A profile of one's own may leave out a limit of the one it extends."""
    text = "extends: production\nname: own\nintents: {descriptor_ceiling: null, idle_limits: {nginx: null, CDN: 30s}}"

    assert VALIDATOR.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "extends: production",
        "extends: production\nname: own\nintents: {colour: red}",
        "extends: production\nname: own\nintents: {headroom: 2}",
        "extends: production\nname: own\nintents: {drain_window: soon}",
        "extends: production\nname: own\nintents: {queue_bytes: 1MB}",
        "extends: production\nname: own\nentries: [{mode: min}]",
        "extends: production\nname: own\nentries: [{id: hf-fd-001, mode: most}]",
        "name: own\ndescription: x",
    ],
)
def test_profile_schema_refuses_what_the_loader_refuses(text):
    """An editor marks what would not load."""
    assert not VALIDATOR.is_valid(yaml.safe_load(text))
