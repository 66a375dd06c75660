"""What a running gateway remembers of a subject, by its admin paths."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from holdfast.cli.admin_client import RefusedError, ask
from holdfast.cli.failure import CliError
from holdfast.cli.place import Place, admin_place
from holdfast.diagnostics.explanation import Source
from holdfast.diagnostics.timeline import Entry, Span, Subject, entries_of_record

MOST_RECORDS = 1000
_LISTS = (("/admin/attempts", "attempts", "refused attempts"), ("/admin/connections", "connections", "connections"))


@dataclass(slots=True)
class Remembered:
    """What was answered, and how far back each part of the memory goes."""

    entries: list[Entry] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)


def ask_gateway(subject: Subject, where: tuple[Path | None, str, str], span: Span) -> Remembered:
    """Return what the gateway knows that settings file, URL and admin token lead to; a silent one is a source too.

    Raises:
        CliError: the URL cannot be used.
        ConfigError: the settings were needed and have faults.
    """
    place = admin_place(*where)
    found = Remembered()
    try:
        for path, name, title in _LISTS:
            answer = ask(place, path, {"user": subject.user, "limit": str(MOST_RECORDS), **_query(span)})
            found.sources.append(_take(found, subject, answer, (name, f"{place.internal}: {title}")))
        if subject.is_id:
            _take_one(found, place, subject)
    except CliError as error:
        found.sources.append(Source(place.internal, None, note=" ".join(str(error).split())))
    found.entries = [entry for entry in found.entries if span.has(entry.at)]
    return found


def _query(span: Span) -> dict[str, str]:
    return {name: str(at) for name, at in span._asdict().items() if at and math.isfinite(at)}


def _take(found: Remembered, subject: Subject, answer: Mapping[str, Any], what: tuple[str, str]) -> Source:
    name, title = what
    records = answer.get(name) or []
    for record in records:
        subject.takes(record)
        found.entries += _entries(record, answer, title)
    notes = [f"only the latest {MOST_RECORDS}"] if len(records) >= MOST_RECORDS else []
    if silent := answer.get("missing") or ([answer["trouble"]] if answer.get("trouble") else []):
        notes.append(f"without other instances: {', '.join(silent)}")
    return Source(title, answer.get("reaches_back_to"), len(records), "; ".join(notes))


def _take_one(found: Remembered, place: Place, subject: Subject) -> None:
    """Ask for the one attempt or connection that an id stands for."""
    try:
        record = ask(place, f"/admin/connections/{subject.text.lower()}")
    except RefusedError as error:
        if error.slug != "unknown_attempt":
            raise
        return
    subject.takes(record)
    found.entries += _entries(record, record, place.internal)
    place_of_it = 0 if record.get("state") == "refused" else 1
    source = found.sources[place_of_it]
    found.sources[place_of_it] = replace(source, matches=source.matches + 1)


def _entries(record: Mapping[str, Any], answer: Mapping[str, Any], source: str) -> list[Entry]:
    return entries_of_record({"instance": answer.get("instance"), **record}, source, time.time())
