"""Tests of holdfast.profile.entry_faults."""

import pytest

from holdfast.profile import ProfileError, derive
from holdfast.profile.entry_faults import entry_faults
from holdfast.profile.load import build, overlay


def faults(production, facts, entry):
    """Return what is wrong once one entry is changed, by name."""
    profile = build(overlay(production.model_dump(mode="json"), {"entries": [entry]}, "test"), "test")
    with pytest.raises(ProfileError) as caught:
        derive(profile, facts)
    return {fault.name: fault.text for fault in caught.value.found}


@pytest.mark.parametrize(
    ("entry", "name", "part"),
    [
        ({"id": "hf-fd-001", "formula": "nr_opn"}, "formula_unknown", "did you mean nr_open"),
        ({"id": "hf-fd-003", "value": 65536}, "entry_too_small", "at least 84992"),
        ({"id": "hf-accept-001", "value": 1024}, "entry_too_small", "at least 16384"),
        ({"id": "hf-unit-002", "value": 90}, "entry_too_small", "termination_grace"),
        ({"id": "hf-fd-003", "value": "65536"}, "entry_too_small", "at least 84992"),
        ({"id": "hf-unit-002", "value": "10min"}, "entry_too_small", "saw 10min"),
        ({"id": "hf-track-004", "value": 60}, "conntrack_forgets", "72 s"),
        ({"id": "hf-track-004", "value": "60"}, "conntrack_forgets", "72 s"),
        ({"id": "hf-accept-001", "value": 65535}, "folklore_somaxconn_alone", "16384"),
        ({"id": "hf-fd-003", "value": "infinity"}, "folklore_nofile_infinity", "2^30"),
    ],
)
def test_entry_that_contradicts_the_numbers_is_named(production, facts, entry, name, part):
    """A number of one's own is taken, unless something else then breaks."""
    assert part in faults(production, facts, entry)[name]


def test_entry_that_is_off_is_not_looked_at(production, facts):
    """What nobody gets cannot be wrong."""
    entry = {"id": "hf-fd-003", "value": 1024, "enabled": False}
    profile = build(overlay(production.model_dump(mode="json"), {"entries": [entry]}, "test"), "test")

    assert derive(profile, facts).descriptors == 84992


@pytest.mark.parametrize(("roles", "is_twice"), [(["gateway", "redis"], True), (["redis"], False)])
def test_entry_of_a_key_that_its_hosts_have_already_is_named(production, facts, roles, is_twice):
    """Two numbers for one key would be drift for ever; hosts of another role may have their own."""
    about = {"scope": "netns", "why": "we have a reason", "cost": "none", "source": "ours", "mode": "exact"}
    plain = production.model_dump(mode="json", exclude_none=True)
    changes = [
        {"id": "hf-port-004", "roles": ["gateway"]},
        {"id": "hf-own-001", "key": "net.ipv4.tcp_max_tw_buckets", "roles": roles, **about, "value": 300000},
    ]
    profile = build(overlay(plain, {"entries": changes}, "test"), "test")

    assert ("entry_key_twice" in {one.name for one in entry_faults(profile, derive(production, facts))}) is is_twice
