"""What a browser hands in as its log: read, bounded, and put beside our own clock. Pure.

Everything in it is hearsay. Lines keep what a page says under names that no line of ours has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from holdfast.errors import DoorError

LEVELS: Final = ("debug", "info", "warning", "error")
MOST_FIELDS: Final = 20
LONGEST_NAME: Final = 40
LONGEST_EVENT: Final = 100
LONGEST_TEXT: Final = 1000
ON_THE_WAY_SECONDS: Final = 2.0
LAST_MOMENT: Final = 253_402_300_799_000  # the end of the year 9999, in milliseconds

Plain = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class BrowserLine:
    """One line: what happened there, when by the browser's clock (Unix milliseconds), and what the page says of it."""

    level: str
    event: str
    t: float
    fields: Mapping[str, Plain]


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines in the page's order; `sent` is the browser's clock when it sent them, None where it does not say."""

    token: str
    lines: tuple[BrowserLine, ...]
    sent: float | None

    def clock_difference(self, now: float) -> float:
        """Return by how many seconds the browser's clock is ahead of `now`, ours.

        A little behind is taken for the time that the batch was on its way. Without `sent` only what is certain
        counts: no line is from the future.
        """
        if self.sent is None:
            return max(0.0, max(line.t for line in self.lines) / 1000 - now)
        ahead = self.sent / 1000 - now
        return 0.0 if -ON_THE_WAY_SECONDS <= ahead <= 0 else ahead


def read_batch(body: bytes, most_lines: int, *, needs_token: bool = True) -> Batch:
    """Return the batch in a request's body; texts that are too long are cut.

    Where `needs_token` is off, something else said whose lines these are.

    Raises:
        DoorError: `log_batch_malformed`, with the place; `log_token_invalid` where there is none.
    """
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(f"expected JSON; {error}") from None
    if not isinstance(given, dict):
        raise _malformed(f"expected an object, came {_kind(given)}")
    lines = given.get("lines")
    if not isinstance(lines, list) or not lines:
        raise _malformed(f"lines: expected a list with lines, came {_kind(lines)}")
    if len(lines) > most_lines:
        raise _malformed(f"lines: expected at most {most_lines}, came {len(lines)}")
    sent = _moment(given["sent"], "sent") if given.get("sent") is not None else None
    read = tuple(_line(line, f"lines[{index}]") for index, line in enumerate(lines))
    token = given.get("log_token")
    if not needs_token and token in (None, ""):
        return Batch("", read, sent)
    if not isinstance(token, str) or not token:
        raise DoorError("log_token_invalid", f"expected a token in log_token, came {_kind(token)}")
    return Batch(token, read, sent)


def moment(seconds: float) -> str:
    """Return Unix seconds as our lines write them, kept within the years that have four digits."""
    seconds = min(max(seconds, 0.0), LAST_MOMENT / 1000)
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _line(given: Any, place: str) -> BrowserLine:
    if not isinstance(given, dict):
        raise _malformed(f"{place}: expected an object, came {_kind(given)}")
    fields = {name: value for name, value in given.items() if name not in {"t", "level", "event"}}
    if len(fields) > MOST_FIELDS:
        raise _malformed(f"{place}: expected at most {MOST_FIELDS} further fields, came {len(fields)}")
    level, event = given.get("level", "info"), given.get("event")
    if level not in LEVELS:
        raise _malformed(f"{place}.level: expected one of {', '.join(LEVELS)}, came {_kind(level)}")
    if not isinstance(event, str) or not event:
        raise _malformed(f"{place}.event: expected a text, came {_kind(event)}")
    plain = {_cut(name, LONGEST_NAME): _plain(value, name, place) for name, value in fields.items()}
    return BrowserLine(level, _cut(event, LONGEST_EVENT), _moment(given.get("t"), f"{place}.t"), plain)


def _plain(value: Any, name: str, place: str) -> Plain:
    if isinstance(value, str):
        return _cut(value, LONGEST_TEXT)
    if value is None or (isinstance(value, int | float) and abs(value) < 2**63):
        return value
    raise _malformed(f"{place}, {_cut(name, LONGEST_NAME)!a}: expected a plain value, came {_kind(value)}")


def _moment(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LAST_MOMENT:
        raise _malformed(f"{place}: expected milliseconds since 1970, came {_kind(value)}")
    return float(value)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest] + "…"


def _kind(value: Any) -> str:
    """Say what came, without repeating it."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    if isinstance(value, list | str) and not value:
        return f"{names[type(value)]} without anything in it"
    return names.get(type(value), "a number out of range")


def _malformed(detail: str) -> DoorError:
    return DoorError("log_batch_malformed", detail[0].upper() + detail[1:] + ".")
