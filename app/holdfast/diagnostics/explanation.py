"""The answer to "what happened to ...?": a timeline, the causes in it, and what was looked at. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from holdfast.diagnostics.timeline import Cause, Entry, causes_of

Verdict = Literal["fine", "wrong", "unknown"]
_EXIT_CODES: Mapping[Verdict, int] = {"fine": 0, "wrong": 1, "unknown": 4}


@dataclass(frozen=True, slots=True)
class Source:
    """Something that was looked at; `oldest` is how far back it can see (Unix seconds), None where it has nothing.

    `note` says why it could not be looked at, or not wholly.
    """

    name: str
    oldest: float | None
    matches: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything known; `left_out` counts by event and slug the lines that the log says it does not have."""

    subject: str
    entries: Sequence[Entry]
    sources: Sequence[Source]
    left_out: Mapping[tuple[str, str], int] = field(default_factory=Counter)

    @property
    def verdict(self) -> Verdict:
        """Whether something is known, and whether some of it is wrong."""
        if not self.entries:
            return "unknown"
        return "wrong" if any(entry.is_wrong for entry in self.entries) else "fine"

    @property
    def exit_code(self) -> int:
        """0 found and fine, 1 found something wrong, 4 nothing is known."""
        return _EXIT_CODES[self.verdict]

    @property
    def causes(self) -> list[Cause]:
        """What is behind that which is wrong."""
        return causes_of(self.entries)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON for a program; moments are ISO 8601 in UTC."""
        return {
            "subject": self.subject,
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "entries": [{**asdict(one), "at": moment(one.at), "is_wrong": one.is_wrong} for one in self.entries],
            "causes": [{**asdict(one), "last_at": moment(one.last_at)} for one in self.causes],
            "sources": [{**asdict(one), "oldest": moment(one.oldest)} for one in self.sources],
            "left_out": [{"of": of, "slug": slug, "count": count} for (of, slug), count in self.left_out.items()],
        }


def moment(seconds: float | None) -> str | None:
    """Return Unix seconds as the log writes them."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
