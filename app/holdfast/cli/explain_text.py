"""How an explanation is printed for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from holdfast.cli.output import columns, printable
from holdfast.diagnostics.explanation import Explanation, Source, moment
from holdfast.diagnostics.timeline import Entry

_SHORT_ID = 8
_LONGEST_VALUE = 200
NOTHING_KNOWN = (
    "Nothing is known of {subject} in what was looked at. That is not to say that nothing happened:\n"
    "  - it may have been before the oldest entry, or at another instance (ask its --url, add its --log)\n"
    "  - it may never have arrived: `holdfast probe URL` from the client's network shows where it ends"
)

LEFT_OUT = "Left out of the log, of anybody's, so some may be missing here:"


def text_of(explanation: Explanation, width: int = 0) -> str:
    """Return a timeline with a row for each entry, the causes with their remedies, and how far back one can see."""
    parts = [f"{explanation.subject}: {explanation.verdict}"]
    if explanation.entries:
        rows = [_row(entry) for entry in explanation.entries]
        parts.append(columns(rows, ("TIME (UTC)", "", "SIDE", "WHAT", "CAUSE", "ATTEMPT", "CLIENT", "DETAIL"), width))
    else:
        parts.append(NOTHING_KNOWN.format(subject=explanation.subject))
    if explanation.causes:
        parts.append("\n".join(("Causes:", *_causes(explanation))))
    parts.append("\n".join(("Looked at:", *map(_seen, explanation.sources))))
    if explanation.left_out:
        parts.append("\n".join((LEFT_OUT, *_gaps(explanation))))
    return "\n\n".join(parts)


def _row(entry: Entry) -> tuple[str, ...]:
    side = entry.side if entry.side == "browser" or not entry.instance else f"gateway {entry.instance}"
    said = [entry.detail, *_facts(entry.facts)]
    cells = (moment(entry.at) or "", "!" if entry.is_wrong else "", side, entry.what, entry.slug)
    ids = (entry.attempt[:_SHORT_ID], entry.client[:_SHORT_ID])
    return (*cells, *ids, " ".join(filter(None, said)))


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    for name, value in facts.items():
        if value is None or value == "":
            continue
        text = _said(value)
        yield f"{name}={text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + '…'}"


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{_said(one)}" for name, one in value.items())
    if isinstance(value, float):
        value = round(value, 4)
    return value if isinstance(value, str) else repr(value)


def _causes(explanation: Explanation) -> Iterator[str]:
    for cause in explanation.causes:
        times = "once" if cause.count == 1 else f"{cause.count} times, the last"
        yield printable(f"  {cause.slug} ({times} at {moment(cause.last_at)}): {cause.meaning}")
        if cause.remedy:
            yield f"    {cause.remedy}"


def _seen(source: Source) -> str:
    if source.note and source.oldest is None and not source.matches:
        return printable(f"  {source.name}: could not be looked at: {source.note}")
    reach = f"back to {moment(source.oldest)}" if source.oldest is not None else "has nothing"
    note = f"; {source.note}" if source.note else ""
    return printable(f"  {source.name}: {reach}, {source.matches} found{note}")


def _gaps(explanation: Explanation) -> Iterator[str]:
    for (event, slug), count in explanation.left_out.items():
        yield printable(f"  {count} lines of {event}{f' {slug}' if slug else ''}")
