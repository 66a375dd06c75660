import pytest

from benchmarks.bars import BARS, METRICS, Bar, Verdict, judge


def _results():
    own = {"paced_us": 6.0, "batch_us": 1.0, "single_us": 5.0, "handshake_us": 200.0, "memory_kib": 5.5}
    stock = {"paced_us": 20.0, "batch_us": 10.0, "handshake_us": 400.0}
    return {
        "holdfast": {1_000: {"paced_us": 5.0}, 10_000: own},
        "stock": {10_000: stock},
        "node": {10_000: {"paced_us": 5.0, "single_us": 10.0}},
    }


def _verdict(metric, against, results=None):
    verdicts = judge(results or _results(), "holdfast", 10_000, 1_000)
    return next(v for v in verdicts if (v.bar.metric, v.bar.against) == (metric, against))


@pytest.mark.parametrize(
    ("metric", "against", "value", "holds"),
    [
        ("paced_us", "stock", 0.3, True),
        ("paced_us", "node", 1.2, False),
        ("handshake_us", "stock", 0.5, False),
        ("memory_kib", "", 5.5, True),
        ("paced_us", "smaller", 1.2, True),
    ],
)
def test_judge_compares_with_the_side_of_the_bar(metric, against, value, holds):
    """A bar is judged against the server, the plain value or the smaller size that it names."""
    verdict = _verdict(metric, against)

    assert verdict.value == pytest.approx(value)
    assert verdict.holds is holds


def test_judge_shows_a_second_opinion():
    """A bar against stock is also compared with the small application, which decides nothing."""
    results = {**_results(), "stock-bare": {10_000: {"paced_us": 60.0}}}

    assert _verdict("paced_us", "stock", results) == Verdict(Bar("paced_us", "stock", 0.6), 0.3, pytest.approx(0.1))
    assert _verdict("paced_us", "node", results).second is None


def test_judge_without_the_other_side():
    """What was not measured neither holds nor fails."""
    assert _verdict("idle_us", "stock").holds is None
    assert _verdict("paced_us", "node", {"holdfast": _results()["holdfast"]}).holds is None


def test_judge_at_one_size():
    """Growth is not judged against the same size."""
    verdicts = judge(_results(), "holdfast", 10_000, 10_000)

    assert next(v for v in verdicts if v.bar.against == "smaller").value is None


def test_verdict_at_the_limit():
    """A bar says at most: the limit itself still holds."""
    assert Verdict(Bar("paced_us", "node", 1.0), 1.0).holds


def test_bars_name_known_metrics():
    """Each bar is about something that is measured."""
    assert {bar.metric for bar in BARS} == set(METRICS)
