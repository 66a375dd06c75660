"""Tests of holdfast.profile.faults."""

from holdfast.profile.faults import Fault, ProfileError


def test_profile_error_names_each_fault():
    """A program finds the name, a person the sentence."""
    error = ProfileError([Fault("ping_too_slow", "expected this, saw that")])

    assert error.found[0].name == "ping_too_slow"
    assert error.faults == ["ping_too_slow: expected this, saw that"]
