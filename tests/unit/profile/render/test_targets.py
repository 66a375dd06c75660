"""Tests of holdfast.profile.render.targets."""

import pytest

from holdfast.profile import ProfileError, render
from holdfast.profile.render.targets import RENDERERS


@pytest.mark.parametrize("target", sorted(RENDERERS))
def test_render_makes_each_target(production, facts, target):
    """Every target is a text that ends with a line's end."""
    assert render(target, production, facts).endswith("\n")


def test_render_of_an_unknown_target_lists_those_there_are(production, facts):
    """A misspelt target is answered with the names."""
    with pytest.raises(ProfileError, match="sysctl"):
        render("systcl", production, facts)
