from __future__ import annotations

from typing import Any

import pytest

from holdfast.diagnostics.explanation import Explanation, Source, moment
from holdfast.diagnostics.timeline import Entry

NOW = 1_700_000_000.0


def explanation_of(*slugs: str, **more: Any) -> Explanation:
    """Return an explanation with an entry for each cause."""
    entries = [Entry(NOW, "gateway", "connection_closed", slug=slug) for slug in slugs]
    return Explanation("user 42", entries, [Source("file", NOW - 60, len(entries))], **more)


@pytest.mark.parametrize(
    ("slugs", "verdict", "code"),
    [((), "unknown", 4), (("client_closed",), "fine", 0), (("client_closed", "no_pong"), "wrong", 1)],
)
def test_verdict_is_that_of_the_worst(slugs: tuple[str, ...], verdict: str, code: int) -> None:
    """Nothing known is not fine."""
    explanation = explanation_of(*slugs)

    assert (explanation.verdict, explanation.exit_code) == (verdict, code)


def test_json_has_everything() -> None:
    """For a program; moments as the log writes them."""
    answer = explanation_of("no_pong", left_out={("refused", "a"): 7}).as_json()

    assert answer["verdict"] == "wrong"
    assert answer["entries"][0]["at"] == "2023-11-14T22:13:20.000Z"
    assert answer["entries"][0]["is_wrong"] is True
    assert answer["causes"][0]["slug"] == "no_pong"
    assert answer["sources"] == [{"name": "file", "oldest": "2023-11-14T22:12:20.000Z", "matches": 1, "note": ""}]
    assert answer["left_out"] == [{"of": "refused", "slug": "a", "count": 7}]


def test_no_moment_stays_none() -> None:
    """A source that has nothing."""
    assert moment(None) is None
