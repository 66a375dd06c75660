"""Tests of holdfast.profile.facts."""

import pytest

from holdfast.profile.facts import HostFacts, version_of


@pytest.mark.parametrize(("text", "version"), [("6.1.0-18-amd64", (6, 1)), ("v1.37.2", (1, 37)), ("5.4", (5, 4))])
def test_version_of_text_takes_two_numbers(text, version):
    """Releases are compared by major and minor number."""
    assert version_of(text) == version


def test_version_of_nonsense_says_what_came():
    """A text without numbers is refused with itself."""
    with pytest.raises(ValueError, match="saw 'newest'"):
        version_of("newest")


@pytest.mark.parametrize("wrong", [{"memory_bytes": 0}, {"cores": -1}, {"page_bytes": 0}, {"roles": frozenset({"db"})}])
def test_host_facts_that_are_no_host_are_refused(wrong):
    """A host has memory, cores and roles that there are."""
    with pytest.raises(ValueError, match="expected"):
        HostFacts(**({"memory_bytes": 1024**3, "cores": 2} | wrong))
