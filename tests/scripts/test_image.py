"""Tests of scripts/image.py: what it says when the image is there."""

from __future__ import annotations

import sys

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

import image


@pytest.mark.parametrize(
    ("tag", "line"),
    [
        ("registry.example.org/holdfast:1", "docker push registry.example.org/holdfast:1"),
        ("registry:5000/holdfast:1", "docker push registry:5000/holdfast:1"),
        ("holdfast:1", "docker tag holdfast:1 REGISTRY/holdfast:1 && docker push REGISTRY/holdfast:1"),
        (
            "team/holdfast:1",
            "docker tag team/holdfast:1 REGISTRY/team/holdfast:1 && docker push REGISTRY/team/holdfast:1",
        ),
    ],
)
def test_image_whose_name_has_a_registry_is_pushed_as_it_is(tag: str, line: str) -> None:
    """A folder alone is no registry; a dot or a port makes one, as for Docker itself."""
    assert image.share("docker", tag) == line
