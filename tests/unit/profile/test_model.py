"""Tests of holdfast.profile.model."""

import pytest

from holdfast.profile.model import parse_size


@pytest.mark.parametrize(
    ("text", "number"), [("64KiB", 65536), ("1.5 GiB", 1610612736), ("512B", 512), ("7", 7), (9, 9)]
)
def test_parse_size_reads_units(text, number):
    """Sizes are bytes, or a number with a unit."""
    assert parse_size(text) == number


@pytest.mark.parametrize("text", ["64KB", "lots", "", "-1KiB"])
def test_parse_size_refuses_what_is_none(text):
    """A decimal unit or a word is refused with an example."""
    with pytest.raises(ValueError, match="64KiB"):
        parse_size(text)


def test_profile_entry_is_found_by_key_and_id(production):
    """Both names lead to the entry."""
    assert production.entry("fs.nr_open") is production.entry("hf-fd-001")
    assert production.entry("no.such.key") is None
