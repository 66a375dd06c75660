import json
import math

from benchmarks.bars import Bar, Verdict, judge
from benchmarks.report import bars_table, document, table, tables
from benchmarks.samples import Sample

SAMPLES = [
    Sample("servers", "holdfast", 10, 0, {"paced_us": 1.0, "memory_kib": 4.0}),
    Sample("servers", "holdfast", 10, 1, {"paced_us": 3.0}),
    Sample("servers", "holdfast", 10, 2, {"paced_us": 2.0}),
    Sample("servers", "node", 10, 0, {"paced_us": 1.0}),
    Sample("before", "before", 20, 0, {"paced_us": 1.0}),
]
IN_TURN = Bar("paced_us", "before", 1.03, "before", precision=0.03)


def test_table_has_a_row_for_each_measured_metric():
    """Spread is shown where there were rounds; what nobody measured, and other suites' servers, are not there."""
    text = table(SAMPLES, "servers", 10)

    assert "2.00 (1.00-3.00)" in text
    assert "idle_us" not in text
    assert "before" not in text


def test_tables_of_a_suite():
    """A suite's tables stand under its name."""
    text = tables(SAMPLES, "before", "in turn")

    assert text.startswith("before: in turn\n===============\n\nAt 20 connections")


def test_bars_table_names_failures_plainly():
    """A bar that does not hold says FAIL, unless the run was too small to judge."""
    verdicts = judge(SAMPLES)

    assert "FAIL" in bars_table(verdicts, is_judged=True)
    assert "not measured" in bars_table(verdicts, is_judged=True)
    assert "FAIL" not in bars_table(verdicts, is_judged=False)


def test_bars_table_names_noise():
    """A bar hidden by noise says so, and how far the value may be off."""
    noisy = bars_table([Verdict(IN_TURN, 1.5, noise=0.04)], is_judged=True)

    assert "TOO NOISY" in noisy
    assert "+-4.0%" in noisy
    assert "too few rounds" in bars_table([Verdict(IN_TURN, 1.0, noise=math.inf)], is_judged=True)
    assert "pass" in bars_table([Verdict(IN_TURN, 1.0, noise=0.01)], is_judged=True)


def test_document_is_json():
    """The document holds machine, samples and bars as plain data, without infinities."""
    verdicts = [*judge(SAMPLES), Verdict(IN_TURN, 1.0, noise=math.inf)]

    text = json.dumps(document({"cpu": "x"}, SAMPLES, verdicts), allow_nan=False)

    assert json.loads(text)["samples"][0]["connections"] == 10
    assert json.loads(text)["bars"][-1]["noise"] is None
