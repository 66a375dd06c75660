"""Writes the figures of a kept run into docs/performance.md, between the marks of each suite.

    python -m benchmarks.page benchmarks/results/reference-2026-11-26.json

Exit codes: 0 written, 3 wrong usage.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.samples import METRICS, Sample, sizes_of, summary_of
from benchmarks.servers.paths import ROOT

PAGE = ROOT / "docs" / "performance.md"
_MARKED = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
_ABOUT = frozenset({"suite", "server", "connections", "round"})
_UNITS = {"us": "us", "kib": "KiB", "bytes": "bytes", "instructions": "instructions"}


def main(arguments: Sequence[str]) -> int:
    """Write the page again with the figures of one run."""
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        print(__doc__, file=sys.stderr)
        return 3
    path = Path(arguments[0])
    PAGE.write_text(with_figures(PAGE.read_text(), json.loads(path.read_text()), path.name))
    return 0


def with_figures(page: str, run: Mapping[str, Any], name: str) -> str:
    """Return the page with the figures of `run`, kept as `name`; suites that the run lacks stay as they are."""
    samples = samples_of(run)

    def fill(found: re.Match[str]) -> str:
        suite = found[2]
        if not sizes_of(samples, suite):
            return found[0]
        parts = [_caption(run["machine"], name), *_tables(samples, suite), *_bars(run["bars"], suite)]
        return found[1] + "\n\n".join(parts) + "\n" + found[3]

    return _MARKED.sub(fill, page)


def samples_of(run: Mapping[str, Any]) -> list[Sample]:
    """Return the samples of a kept run."""
    return [
        Sample(
            one["suite"],
            one["server"],
            one["connections"],
            one["round"],
            {metric: value for metric, value in one.items() if metric not in _ABOUT},
        )
        for one in run["samples"]
    ]


def _caption(machine: Mapping[str, str], name: str) -> str:
    where = f"{machine['cores']} cores ({machine['cpu']}), Python {machine['python']}"
    return f"`benchmarks/results/{name}`: commit {machine['commit']}, {where}; medians of the rounds."


def _tables(samples: Sequence[Sample], suite: str) -> list[str]:
    return [_table(samples, suite, size) for size in reversed(sizes_of(samples, suite))]


def _table(samples: Sequence[Sample], suite: str, size: int) -> str:
    servers = list(dict.fromkeys(one.server for one in samples if (one.suite, one.size) == (suite, size)))
    connections = f"{size:,} connections" if size > 1 else "1 connection"
    lines = [f"| {connections} | " + " | ".join(servers) + " |", "|---" * (len(servers) + 1) + "|"]
    for metric, (_, what) in METRICS.items():
        found = [summary_of(samples, suite, server, size, metric) for server in servers]
        if any(found):
            cells = ["" if one is None else _figure(metric, one.median) for one in found]
            lines.append(f"| {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _figure(metric: str, value: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {_UNITS[metric.rpartition('_')[2]]}"


def _bars(bars: Sequence[Mapping[str, Any]], suite: str) -> list[str]:
    judged = [bar for bar in bars if bar["suite"] == suite and bar["value"] is not None]
    if not judged:
        return []
    lines = ["| Bar | Value | At most | |", "|---|---|---|---|"]
    for bar in judged:
        word = {True: "holds", False: "**does not hold**", None: "hidden by noise"}[bar["holds"]]
        noise = f" ±{bar['noise']:.1%}" if bar["noise"] is not None else ""
        lines.append(f"| {bar['bar']} | {bar['value']:.2f}{noise} | {bar['limit']:g} | {word} |")
    return ["\n".join(lines)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
