"""Tests of holdfast.profile.render.heading."""

from holdfast.profile.render.heading import heading


def test_heading_says_how_the_text_is_made(production):
    """Whoever opens the file learns where to change it."""
    assert "`holdfast profile render sysctl`" in heading(production, "sysctl")[0]
