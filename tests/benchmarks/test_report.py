import json

from benchmarks.bars import judge
from benchmarks.report import Sample, bars_table, document, medians, table

SAMPLES = [
    Sample("holdfast", 10, 0, {"paced_us": 1.0, "memory_kib": 4.0}),
    Sample("holdfast", 10, 1, {"paced_us": 3.0}),
    Sample("holdfast", 10, 2, {"paced_us": 2.0}),
    Sample("node", 10, 0, {"paced_us": 1.0}),
]


def test_medians_over_rounds():
    """Each metric counts the rounds it was measured in."""
    assert medians(SAMPLES) == {
        "holdfast": {10: {"paced_us": 2.0, "memory_kib": 4.0}},
        "node": {10: {"paced_us": 1.0}},
    }


def test_table_has_a_row_for_each_measured_metric():
    """Spread is shown where there were rounds; a metric nobody measured has no row."""
    text = table(SAMPLES, ["holdfast", "node"], 10)

    assert "2.00 (1.00-3.00)" in text
    assert "idle_us" not in text


def test_bars_table_names_failures_plainly():
    """A bar that does not hold says FAIL, unless the run was too small to judge."""
    verdicts = judge(medians(SAMPLES), "holdfast", 10, 10)

    assert "FAIL" in bars_table(verdicts, is_judged=True)
    assert "not measured" in bars_table(verdicts, is_judged=True)
    assert "FAIL" not in bars_table(verdicts, is_judged=False)


def test_document_is_json():
    """The document holds machine, samples and bars as plain data."""
    text = json.dumps(document({"cpu": "x"}, SAMPLES, judge(medians(SAMPLES), "holdfast", 10, 10)))

    assert json.loads(text)["samples"][0]["connections"] == 10
