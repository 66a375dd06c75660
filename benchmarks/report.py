"""One run as a table for people and as JSON for programs; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.bars import METRICS, Results, Verdict
from benchmarks.stats import Summary, summarise


@dataclass(frozen=True, slots=True)
class Sample:
    """The measurements of one server, at one size, in one round."""

    server: str
    size: int
    round_number: int
    values: Mapping[str, float]


def summaries(samples: Sequence[Sample]) -> dict[str, dict[int, dict[str, Summary]]]:
    """Return server -> size -> metric -> summary over the rounds."""
    gathered: dict[str, dict[int, dict[str, list[float]]]] = {}
    for sample in samples:
        metrics = gathered.setdefault(sample.server, {}).setdefault(sample.size, {})
        for name, value in sample.values.items():
            metrics.setdefault(name, []).append(value)
    return {
        server: {size: {name: summarise(values) for name, values in metrics.items()} for size, metrics in sizes.items()}
        for server, sizes in gathered.items()
    }


def medians(samples: Sequence[Sample]) -> Results:
    """Return server -> size -> metric -> median, as the bars are judged by."""
    return {
        server: {size: {name: summary.median for name, summary in metrics.items()} for size, metrics in sizes.items()}
        for server, sizes in summaries(samples).items()
    }


def table(samples: Sequence[Sample], servers: Sequence[str], size: int) -> str:
    """Return the measurements at one size, a row a metric, a column a server."""
    found = summaries(samples)
    rows = [["metric", "unit", *servers]]
    for metric, (unit, _) in METRICS.items():
        cells = [_cell(found.get(server, {}).get(size, {}).get(metric)) for server in servers]
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
    rows = [["bar", "value", "limit", "", "to stock-bare"]]
    for verdict in verdicts:
        value = "-" if verdict.value is None else f"{verdict.value:.2f}"
        second = "" if verdict.second is None else f"({verdict.second:.2f})"
        rows.append([_name(verdict), value, f"{verdict.bar.limit:.2f}", _word(verdict, is_judged), second])
    return "Bars\n" + _aligned(rows)


def _name(verdict: Verdict) -> str:
    against = {"": "", "smaller": " / same at fewer connections"}
    suffix = against.get(verdict.bar.against, f" / {verdict.bar.against}")
    return verdict.bar.metric + suffix


def _word(verdict: Verdict, is_judged: bool) -> str:
    if verdict.holds is None:
        return "not measured"
    if not is_judged:
        return "not judged at this size"
    return "pass" if verdict.holds else "FAIL"


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
                "server": sample.server,
                "connections": sample.size,
                "round": sample.round_number,
                **{name: round(value, 3) for name, value in sample.values.items()},
            }
            for sample in samples
        ],
        "bars": [
            {
                "bar": _name(verdict),
                "value": None if verdict.value is None else round(verdict.value, 3),
                "to_stock_bare": None if verdict.second is None else round(verdict.second, 3),
                "limit": verdict.bar.limit,
                "holds": verdict.holds,
            }
            for verdict in verdicts
        ],
    }
