"""What cannot work is refused before anything is applied, with a sentence that says what came and what to do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.chart.helm import CI, Render, refusal

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
BASE = Path(__file__).parent / "good.yaml"


def sentence(path: Path) -> str:
    """Return what a file says it must fail with: its comment."""
    return " ".join(line.removeprefix("# ") for line in path.read_text().splitlines() if line.startswith("# "))


@pytest.mark.parametrize("major", [3, 4])
@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_values_are_refused_by_name(path, major):
    """Each file fails with the sentence that stands in its comment."""
    told = re.sub(r"\s+", " ", refusal(Render((BASE, path), helm=major)))

    assert sentence(path) in told


@pytest.mark.parametrize("major", [3, 4])
@pytest.mark.parametrize(
    ("values", "places"),
    [
        ({"replicas": 3}, ["replicas"]),
        ({"config": {"cleint": {"ping_interval": 20}}}, ["config", "cleint"]),
        ({"config": {"client": {"ping_intervall": 20}}}, ["ping_intervall"]),
        ({"config": {"client": {"ping_interval": "often"}}}, ["ping_interval"]),
        ({"replicaCount": "three"}, ["replicaCount"]),
        ({"service": {"port": 70000}}, ["port"]),
        ({"image": {"digest": "latest"}}, ["digest"]),
        ({"podSysctls": {"profile": "all"}}, ["profile"]),
        ({"resources": {"limits": {"memory": "much"}}}, ["memory"]),
        ({"secrets": {"values": {"apiKey": 'a"b'}}}, ["apiKey"]),
    ],
    ids=lambda one: json.dumps(one) if isinstance(one, dict) else "",
)
def test_unknown_keys_and_wrong_types_are_refused_by_place(values, places, major):
    """The schema knows the chart's values and every setting of the gateway."""
    sets = tuple(f"{key}={json.dumps(value)}" for key, value in values.items())
    told = refusal(Render((BASE,), sets, helm=major))

    assert "schema" in told
    assert [place for place in places if place not in told] == []


def test_every_bad_file_says_its_sentence():
    """A file without one would pass for whatever reason."""
    assert [path.name for path in BAD if len(sentence(path)) < 30] == []
    assert CI
