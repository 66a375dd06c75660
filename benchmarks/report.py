"""One run as a table for people and as JSON for programs; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from benchmarks.bars import Verdict
from benchmarks.samples import METRICS, Sample, sizes_of, summary_of
from benchmarks.stats import Summary


def tables(samples: Sequence[Sample], suite: str, title: str) -> str:
    """Return everything that one suite measured, a table a number of connections."""
    heading = f"{suite}: {title}"
    parts = [table(samples, suite, size) for size in sizes_of(samples, suite)]
    return "\n\n".join([f"{heading}\n{'=' * len(heading)}", *parts])


def table(samples: Sequence[Sample], suite: str, size: int) -> str:
    """Return the measurements at one size, a row a metric, a column a server."""
    servers = list(dict.fromkeys(one.server for one in samples if (one.suite, one.size) == (suite, size)))
    rows = [["metric", "unit", *servers]]
    for metric, (unit, _) in METRICS.items():
        cells = [_cell(summary_of(samples, suite, server, size, metric)) for server in servers]
        if any(cells):
            rows.append([metric, unit, *cells])
    return f"At {size:,} connections: median (lowest-highest of the rounds)\n" + _aligned(rows)


def _cell(summary: Summary | None) -> str:
    if summary is None:
        return ""
    if summary.count == 1:
        return f"{summary.median:.2f}"
    return f"{summary.median:.2f} ({summary.low:.2f}-{summary.high:.2f})"


def bars_table(verdicts: Sequence[Verdict], is_judged: bool) -> str:
    """Return the bars, each with its value and whether it holds."""
    rows = [["suite", "bar", "value", "limit", "", ""]]
    for verdict in verdicts:
        value = "-" if verdict.value is None else f"{verdict.value:.2f}"
        limit = f"{verdict.bar.limit:.2f}"
        rows.append([verdict.bar.suite, _name(verdict), value, limit, _word(verdict, is_judged), _remark(verdict)])
    return "Bars\n" + _aligned(rows)


def _name(verdict: Verdict) -> str:
    bar = verdict.bar
    against = {"": "", "smaller": " / same at fewer connections"}.get(bar.against, f" / {bar.against}")
    return f"{bar.metric} {bar.server}{against}"


def _word(verdict: Verdict, is_judged: bool) -> str:
    if verdict.value is None:
        return "not measured"
    if not is_judged:
        return "not judged at this size"
    if verdict.is_noisy:
        return "TOO NOISY"
    return "pass" if verdict.holds else "FAIL"


def _remark(verdict: Verdict) -> str:
    if verdict.second is not None:
        return f"to stock-bare {verdict.second:.2f}"
    if verdict.noise is None:
        return ""
    return f"+-{verdict.noise:.1%} in rounds side by side" if math.isfinite(verdict.noise) else "too few rounds"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join("  " + line for line in lines)


def document(machine: Mapping[str, str], samples: Sequence[Sample], verdicts: Sequence[Verdict]) -> dict[str, object]:
    """Return the run as plain data for a JSON file."""
    return {
        "machine": dict(machine),
        "samples": [
            {
                "suite": sample.suite,
                "server": sample.server,
                "connections": sample.size,
                "round": sample.round_number,
                **{name: round(value, 3) for name, value in sample.values.items()},
            }
            for sample in samples
        ],
        "bars": [
            {
                "suite": verdict.bar.suite,
                "bar": _name(verdict),
                "value": _rounded(verdict.value),
                "to_stock_bare": _rounded(verdict.second),
                "noise": _rounded(verdict.noise),
                "limit": verdict.bar.limit,
                "holds": verdict.holds,
            }
            for verdict in verdicts
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 3)
