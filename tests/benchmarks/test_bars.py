import pytest

from benchmarks.bars import BARS, Bar, Verdict, is_settled, judge
from benchmarks.plan import FULL
from benchmarks.samples import METRICS, Sample


def _sample(server, size, values, round_number=0, suite="servers"):
    return Sample(suite, server, size, round_number, values)


def _samples():
    own = {"paced_us": 6.0, "batch_us": 1.0, "single_us": 5.0, "handshake_us": 200.0, "memory_kib": 5.5}
    stock = {"paced_us": 20.0, "batch_us": 10.0, "handshake_us": 400.0}
    return [
        _sample("holdfast", 1_000, {"paced_us": 5.0}),
        _sample("holdfast", 10_000, own),
        _sample("stock", 10_000, stock),
        _sample("node", 10_000, {"paced_us": 5.0, "single_us": 10.0}),
    ]


def _in_turn(*pairs):
    """Return rounds of the suite `before`: (before, now) of one metric."""
    return [
        _sample(server, 10, {"paced_us": value}, number, "before")
        for number, pair in enumerate(pairs)
        for server, value in zip(("before", "holdfast"), pair, strict=True)
    ]


def _verdict(metric, against, samples=None, suite="servers"):
    verdicts = judge(_samples() if samples is None else samples)
    return next(v for v in verdicts if (v.bar.suite, v.bar.metric, v.bar.against) == (suite, metric, against))


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
    samples = [*_samples(), _sample("stock-bare", 10_000, {"paced_us": 60.0})]

    assert _verdict("paced_us", "stock", samples) == Verdict(Bar("paced_us", "stock", 0.6), 0.3, pytest.approx(0.1))
    assert _verdict("paced_us", "node", samples).second is None


def test_judge_without_the_other_side():
    """What was not measured neither holds nor fails."""
    assert _verdict("idle_us", "stock").holds is None
    assert _verdict("paced_us", "node", _samples()[:2]).holds is None
    assert _verdict("paced_us", "before", suite="before") == Verdict(
        Bar("paced_us", "before", 1.03, "before", precision=0.03), None
    )


def test_judge_at_one_size():
    """Growth is not judged against the same size."""
    assert _verdict("paced_us", "smaller", _samples()[1:]).value is None


def test_judge_in_turn_cancels_drift():
    """Where the machine gets slower from round to round, both sides do, and the ratio of each round does not."""
    verdict = _verdict("paced_us", "before", _in_turn((10, 10.1), (20, 20.2), (30, 30.3), (40, 40.4)), "before")

    assert verdict.value == pytest.approx(1.01)
    assert verdict.noise == pytest.approx(0.0)
    assert verdict.holds is True


def test_judge_hidden_by_noise():
    """Rounds that disagree by more than the bar allows neither hold nor fail, and ask for further rounds."""
    samples = _in_turn((10, 10), (10, 15), (10, 8), (10, 13))

    verdict = _verdict("paced_us", "before", samples, "before")

    assert verdict.is_noisy
    assert verdict.holds is None
    assert not is_settled(samples, "before")
    assert is_settled(_in_turn(*[(10, 12)] * 4), "before")


def test_verdict_at_the_limit():
    """A bar says at most: the limit itself still holds."""
    assert Verdict(Bar("paced_us", "node", 1.0), 1.0).holds


def test_bars_name_what_is_measured():
    """Each bar is about a metric, a suite and servers that a full run has."""
    suites = {suite.name: {*suite.servers, "", "smaller"} for suite in FULL.suites}

    assert {bar.metric for bar in BARS} <= set(METRICS)
    assert all({bar.server, bar.against} <= suites[bar.suite] for bar in BARS)
