"""How `holdfast state` tells what it found and did, for people and for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from holdfast.broker.state_summary import KINDS
from holdfast.cli.output import columns

if TYPE_CHECKING:
    from holdfast.broker.state_export import Exported
    from holdfast.broker.state_import import Imported
    from holdfast.broker.state_summary import Summary

# In the order of the table; the last word says what it means.
OUTCOMES = ("new", "replaced", "same", "newer", "lost", "ended", "living", "failed")
_MEANING = {
    "new": "was not there",
    "replaced": "takes the place of something older or empty",
    "same": "is there already",
    "newer": "stays away: Redis has something newer",
    "lost": "result of a publication that did not come back",
    "ended": "its time is over",
    "living": "is told by the instances themselves",
    "failed": "a key of the same name is no gateway's",
}


def exported_json(done: Exported) -> dict[str, Any]:
    """Return an export as data."""
    return {
        "file": str(done.path),
        "bytes": done.size,
        "seconds": round(done.seconds, 3),
        "foreign": done.foreign,
        "counts": dict(done.counts),
    }


def exported_text(done: Exported) -> str:
    """Return an export in words."""
    rows = [(kind, done.counts[kind]) for kind in KINDS if done.counts[kind]]
    lines = [f"{done.path}: {done.size} bytes in {done.seconds:.1f} s"]
    if rows:
        lines.append(columns(rows, ("KIND", "NUMBER")))
    if done.foreign:
        lines.append(f"{done.foreign} key(s) under the prefix are not of this gateway's making and were left out.")
    return "\n".join(lines)


def summary_json(found: Summary, now: float) -> dict[str, Any]:
    """Return what is in a file as data."""
    origin = found.origin
    return {
        "file": str(found.path),
        "bytes": found.size,
        "format": found.format,
        "kind": "embedded" if origin is None else "shared",
        "saved_at": found.saved_at,
        "age_seconds": round(now - found.saved_at, 3),
        "version": found.version,
        "clean": found.is_clean,
        "prefix": None if origin is None else origin.prefix,
        "mode": None if origin is None else origin.mode,
        "export": None if origin is None else origin.export,
        "counts": {kind: found.counts[kind] for kind in KINDS},
        "ended": found.ended,
        "nodes": found.nodes,
    }


def summary_text(found: Summary, now: float) -> str:
    """Return what is in a file in words."""
    origin = found.origin
    saved = datetime.fromtimestamp(found.saved_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if origin is None:
        whose = f"snapshot of an embedded broker, {'clean' if found.is_clean else 'not of a clean stop'}"
    else:
        whose = f"export {origin.export} of Redis ({origin.mode}) under the prefix {origin.prefix!r}"
    lines = [
        f"{found.path}: {whose}",
        f"saved {saved} ({now - found.saved_at:.0f} s ago) by version {found.version}; "
        f"format {found.format}, {found.size} bytes, checksum right",
        columns([(kind, found.counts[kind]) for kind in KINDS], ("KIND", "NUMBER")),
    ]
    if found.ended:
        lines.append(f"{found.ended} of them have ended since and would not be imported.")
    lines += [f"instance {one['name']}: {_of_node(one)}" for one in found.nodes]
    return "\n".join(lines)


def imported_json(done: Imported, *, acts: bool) -> dict[str, Any]:
    """Return an import as data."""
    counts: dict[str, dict[str, int]] = {}
    for (kind, outcome), number in sorted(done.counts.items()):
        counts.setdefault(kind, {})[outcome] = number
    return {"done": acts, "seconds": round(done.seconds, 3), "counts": counts, "failed": done.failed}


def imported_text(done: Imported, *, acts: bool) -> str:
    """Return an import in words."""
    rows = [
        (kind, outcome, done.counts[kind, outcome], _MEANING[outcome])
        for kind in KINDS
        for outcome in OUTCOMES
        if done.counts[kind, outcome]
    ]
    lines = [columns(rows, ("KIND", "OUTCOME", "NUMBER", "MEANING"))] if rows else ["There is nothing in it."]
    lines += done.failed
    lines.append(f"Done in {done.seconds:.1f} s." if acts else "Nothing was changed. To do it: --yes")
    return "\n".join(lines)


def _of_node(node: dict[str, Any]) -> str:
    named = ("phase", "version", "connections", "subscriptions")
    return ", ".join(f"{name} {node[name]}" for name in named if name in node)
