"""The picture of reconnects a second."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.cluster.curves import per_second, step, svg


def test_per_second_counts_from_the_moment_on() -> None:
    """What was before does not count; seconds without any are there."""
    assert per_second([9.0, 10.1, 10.2, 12.9], since=10.0) == [2, 0, 1]
    assert per_second([], since=10.0) == []


def test_step_leaves_few_lines() -> None:
    """An axis has at most five lines, at round numbers."""
    assert [step(most) for most in (1, 6, 33, 2000)] == [1, 2, 10, 500]


def test_svg_names_each_curve_and_its_peak() -> None:
    """It is well-formed, and whoever reads only its text knows the figures."""
    root = ElementTree.fromstring(svg("Restart of 400 clients", {"ours": [1, 2, 2], "peer": [200, 0, 3]}))
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]

    assert {"ours: 2 in the worst second", "peer: 200 in the worst second", "Restart of 400 clients"} <= set(texts)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 2
