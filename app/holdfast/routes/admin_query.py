"""The parameters of the admin paths that look through records: each is checked, unknown ones are refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, get_args

from holdfast.auth.configured import parse_moment
from holdfast.codes import CODES
from holdfast.codes_stages import STAGES
from holdfast.connections.records import Initiator
from holdfast.errors import DoorError
from holdfast.monitoring.ledger import FILTERS, Query

DEFAULT_LIMIT: Final = 100
MOST: Final = 1000

_MOMENTS: Final = ("since", "until")
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "slug": tuple(CODES),
    "stage": STAGES,
    "initiator": get_args(Initiator),
    "state": ("live", "ended", "all"),
}


def read_query(parameters: Mapping[str, str], also: tuple[str, ...] = ()) -> tuple[Query, int]:
    """Return the query and how many records are asked for; `also` names parameters that the path has beside them.

    Raises:
        DoorError: `query_invalid`, with what was expected.
    """
    check_names(parameters, (*FILTERS, *_MOMENTS, "limit", *also))
    for name, value in parameters.items():
        if not value:
            raise DoorError("query_invalid", f"Expected a value for `{name}`.")
        if name in _CHOICES and value not in _CHOICES[name]:
            # There are hundreds of slugs; a page lists them.
            known = "a slug of docs/errors.md" if name == "slug" else f"one of {', '.join(_CHOICES[name])}"
            raise DoorError("query_invalid", f"`{name}`: expected {known}, got {value[:64]!r}.")
    texts = {name: parameters[name] for name in FILTERS if name in parameters}
    moments = {name: _moment(name, parameters[name]) for name in _MOMENTS if name in parameters}
    return Query(**texts, **moments), _limit(parameters.get("limit", str(DEFAULT_LIMIT)))  # type: ignore[arg-type]  # mypy mixes the two mappings


def check_names(parameters: Mapping[str, str], known: tuple[str, ...]) -> None:
    """Let only known parameters pass.

    Raises:
        DoorError: `query_invalid`.
    """
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        expected = f"It takes {', '.join(known)}." if known else "It takes none."
        raise DoorError("query_invalid", f"Unknown parameter {unknown[0][:64]!r}. {expected}")


def _moment(name: str, text: str) -> float:
    """Return Unix seconds of a number or an ISO 8601 moment."""
    try:
        moment = float(text)
    except ValueError:
        try:
            return parse_moment(text)
        except ValueError as error:
            raise DoorError("query_invalid", f"`{name}`: {error}, or Unix seconds.") from None
    if not math.isfinite(moment):
        raise DoorError("query_invalid", f"`{name}`: expected Unix seconds or an ISO 8601 moment, got {text[:64]!r}.")
    return moment


def _limit(text: str) -> int:
    limit = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
    if not 1 <= limit <= MOST:
        raise DoorError("query_invalid", f"`limit`: expected 1 to {MOST}, got {text[:64]!r}.")
    return limit
