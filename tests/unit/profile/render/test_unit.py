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
