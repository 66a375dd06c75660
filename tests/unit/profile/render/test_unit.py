"""Tests of holdfast.profile.render.unit."""

from configparser import ConfigParser

from holdfast.profile import derive, render


def test_unit_has_the_derived_limits(production, facts):
    """Limits and patience are those that are calculated."""
    parser = ConfigParser()
    parser.optionxform = str
    parser.read_string(render("unit", production, facts))
    derived = derive(production, facts)

    assert dict(parser["Service"]) == {
        "LimitNOFILE": str(derived.descriptors),
        "MemoryMax": str(derived.memory_max_bytes),
        "TimeoutStopSec": str(derived.stop_timeout),
        "KillMode": "mixed",
    }


def test_unit_has_what_entries_say_instead(with_entry, facts):
    """A number of its own takes the place of the calculated one, as it is checked; what is off is not there."""
    text = render("unit", with_entry("hf-unit-002", value=900), facts)
    without = render("unit", with_entry("hf-unit-001", enabled=False), facts)

    assert "\nTimeoutStopSec=900\n" in text
    assert "MemoryMax" in text
    assert "MemoryMax" not in without
