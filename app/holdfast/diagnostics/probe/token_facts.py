"""What a token says of its own times, against the clocks of both sides. Pure; the token itself is never told."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final

from holdfast.auth.locate import empty_form
from holdfast.auth.peek import peek
from holdfast.diagnostics.token_places import Presented, Reading, look
from holdfast.diagnostics.token_repairs import repair

_MAX_TOKEN_BYTES: Final = 16 * 1024
_OF_ITS_FORM: Final = frozenset({"token_malformed", "token_not_base64"})
_CLAIMS: Final = ("exp", "nbf", "iat")
# A Date header has whole seconds, and took its time to come.
NOTABLE_SECONDS: Final = 3.0


def clock_difference(date: str, now: float) -> float | None:
    """Return how many seconds the server's clock is ahead of ours, by its Date header; None where that says nothing."""
    try:
        return round(parsedate_to_datetime(date).timestamp() - now, 1) if date else None
    except (ValueError, OverflowError, TypeError):
        return None


def token_facts(token: str | None, now: float) -> dict[str, Any]:
    """Return what may be told of a token: how it is empty, or how far its times are from now, in seconds."""
    if token is None:
        return {"token": "none was given"}
    if form := empty_form(token):
        return {"token": f"empty: {form}"}
    peeked = peek(token, _MAX_TOKEN_BYTES)
    facts: dict[str, Any] = {"token": "given"}
    for name in _CLAIMS:
        if (value := peeked.number(name)) is not None:
            facts[f"{name}_in_seconds"] = round(value - now, 1)
    return facts


def damage_told(token: str | None, slug: str) -> tuple[str, str]:
    """Return in sentences what happened to a refused token on its way here, and what to do; "" where nothing shows."""
    if not token or slug not in _OF_ITS_FORM:
        return "", ""
    _, found = repair(token)
    told = " ".join(f"{one.what[:1].upper()}{one.what[1:]}." for one in found)
    return told, " ".join(one.remedy for one in found)


def misplaced_told(target: str, headers: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return in which places of a request a token lay in vain, and what to do; "" where there is none."""
    given = Presented(url=target, headers=tuple(headers))
    found = [one for one in look(given, Reading()) if one.severity == "critical" and one.check.startswith("place_")]
    told = " ".join(f"{one.summary[:1].upper()}{one.summary[1:]}." for one in found)
    return told, " ".join(one.remedy for one in found)


def times_told(facts: dict[str, Any], difference: float | None) -> str:
    """Return in sentences what the times of a token have to do with its refusal; "" where they are fine."""
    told: list[str] = []
    if (left := facts.get("exp_in_seconds")) is not None and left <= 0:
        told.append(f"By the clock here it expired {-left:.0f} s ago.")
    for name in ("nbf", "iat"):
        if (ahead := facts.get(f"{name}_in_seconds")) is not None and ahead > 0:
            told.append(f"By the clock here its {name} is {ahead:.0f} s in the future.")
    if difference is not None and abs(difference) >= NOTABLE_SECONDS:
        told.append(
            f"The server's clock is {abs(difference):.0f} s {'ahead of' if difference > 0 else 'behind'} the one here."
        )
    return " ".join(told)
