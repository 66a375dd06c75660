"""What is published: a short message, or a document of which a little changes each time; pure."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping

PUBLICATION_BYTES = 124
DOCUMENT_BYTES = 2_000
CHANGED_BYTES = 50
# Letters that neither JSON nor a delta has to escape; random text compresses as little as it can.
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
_FIELDS = 25

# Makes the data of the n-th publication.
Payload = Callable[[int], Mapping[str, object]]


def publication(number: int) -> dict[str, object]:
    """Return data whose compact JSON is exactly 124 bytes long."""
    data: dict[str, object] = {"number": number, "text": ""}
    data["text"] = "x" * (PUBLICATION_BYTES - len(compact(data)))
    return data


def document(number: int) -> dict[str, object]:
    """Return data of 2,000 bytes that differs from that of `number - 1` in 50 bytes in a row.

    Field after field is rewritten, so a change is somewhere else each time.
    """
    fields = {f"field{index:02}": _text(_last_change(index, number), index) for index in range(_FIELDS)}
    data: dict[str, object] = {**fields, "rest": ""}
    data["rest"] = _text(0, _FIELDS, DOCUMENT_BYTES - len(compact(data)))
    return data


def compact(value: object) -> bytes:
    """Return JSON without blanks."""
    return json.dumps(value, separators=(",", ":")).encode()


def _last_change(index: int, number: int) -> int:
    """Return the last number up to `number` at which the field was rewritten, below zero for its first text."""
    return number - (number - index) % _FIELDS


def _text(number: int, index: int, size: int = CHANGED_BYTES) -> str:
    return "".join(random.Random(f"{number}/{index}").choices(_LETTERS, k=size))
