"""What a scenario came to: one table for people, one JSON file under .cache/resilience for everybody else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.gateway import ROOT
from tests.resilience.publishers import Published

FOLDER = ROOT / ".cache" / "resilience"
SECOND_MS = 1000
# What clients call an end of which no server has told them: our client's word, and the stock SDK's.
WITHOUT_A_WORD = frozenset({"connection_cut", "transport closed"})
_SUMMED = ("delivered", "lost", "doubled", "out_of_order", "told", "missed_told", "again_told", "migrations", "left")


@dataclass
class Report:
    """The figures; `lost` is what was acknowledged and never came, to readers who were not told so."""

    scenario: str
    clients: int = 0
    acknowledged: int = 0
    undecided: int = 0
    delivered: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    told: int = 0  # readers told of insufficient state, and what they missed or got again
    missed_told: int = 0
    again_told: int = 0
    left: int = 0  # clients that had not come to the end
    migrations: int = 0
    closes: dict[str, int] = field(default_factory=dict)  # ends of open connections that had a slug
    nameless: int = 0  # ends with a close frame, but no slug
    lost_connections: int = 0  # ends without a word
    worst_second: float = 0.0  # share of all clients whose handshakes fell into one second
    plain_back: dict[str, float] = field(default_factory=dict)  # seconds without a connection, stock SDKs
    ours_back: dict[str, float] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)  # what publishers had to send again, by cause
    refused: dict[str, int] = field(default_factory=dict)
    longest_publish: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)  # what clients called an error, for people
    behind: list[str] = field(default_factory=list)  # where some of those are that are left, for people
    latencies: dict[str, dict[str, float]] = field(default_factory=dict)  # milliseconds by kind and phase

    def faults(self, *, without_a_word: bool = False, told: bool = False) -> list[str]:
        """Return which promises were broken.

        Args:
            without_a_word: an instance died, and its clients cannot have been told.
            told: a broker lost what it had, and readers are told so.
        """
        never = {"lost", "doubled", "out_of_order", "nameless", "left", "undecided", "refused"}
        never |= set() if without_a_word else {"lost_connections"}
        never |= set() if told else {"told", "missed_told", "again_told"}
        return [f"{name}: {value}" for name in sorted(never) if (value := getattr(self, name))]

    def show(self) -> str:
        """Return the table."""
        table = Table("", "", title=self.scenario, show_header=False, title_justify="left")
        for name, value in asdict(self).items():
            if name != "scenario":
                table.add_row(name.replace("_", " "), _text(value))
        console = Console(width=120, no_color=True)
        with console.capture() as captured:
            console.print(table)
        return captured.get()

    def save(self) -> Path:
        """Write the JSON file and return where it is."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{self.scenario}.json"
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")
        return path


def report_of(scenario: str, published: Published, crowds: Mapping[str, Mapping[str, Any]], since: float) -> Report:
    """Put together what publishers and crowds (by kind) say; handshakes count from `since` on, seconds of the clock."""
    report = Report(scenario)
    report.acknowledged, report.undecided = published.total, published.undecided
    report.repeated, report.refused = dict(published.repeated), dict(published.refused)
    report.longest_publish = round(published.longest_seconds, 3)
    handshakes: list[float] = []
    errors: Counter[str] = Counter()
    for kind, summary in crowds.items():
        report.clients += summary["clients"]
        for name in _SUMMED:
            setattr(report, name, getattr(report, name) + summary[_camel(name)])
        _add_closes(report, summary["closes"])
        errors.update(summary["errors"])
        report.behind += [f"{kind}, {one}" for one in summary["behind"]]
        handshakes += [moment for moment in summary["handshakes"] if moment >= since * SECOND_MS]
        for phase, row in summary["latencies"].items():
            report.latencies[f"{kind} {phase}"] = row
    report.errors = dict(errors)
    report.plain_back = _seconds(crowds.get("plain", {}).get("away", []))
    report.ours_back = _seconds(crowds.get("ours", {}).get("away", []))
    report.worst_second = round(most_in_a_second(handshakes) / max(1, report.clients), 4)
    return report


def most_in_a_second(moments: Iterable[float]) -> int:
    """Return how many of these moments (milliseconds) fell into one second, whichever second that is."""
    ordered = sorted(moments)
    first = most = 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= SECOND_MS:
            first += 1
        most = max(most, last - first + 1)
    return most


def _add_closes(report: Report, closes: Mapping[str, int]) -> None:
    for reason, count in closes.items():
        if reason in WITHOUT_A_WORD:
            report.lost_connections += count
        elif reason:
            report.closes[reason] = report.closes.get(reason, 0) + count
        else:
            report.nameless += count


def _seconds(away: list[float]) -> dict[str, float]:
    ordered = sorted(away)
    if not ordered:
        return {}
    at = {"median": len(ordered) // 2, "p99": len(ordered) * 99 // 100, "longest": len(ordered) - 1}
    return {"count": len(ordered), **{name: round(ordered[index] / SECOND_MS, 2) for name, index in at.items()}}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(one.capitalize() for one in others)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name}: {_text(one)}" for name, one in value.items()) or "-"
    if isinstance(value, list):
        return "\n".join(value) or "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
