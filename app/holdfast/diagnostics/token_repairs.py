"""What happens to tokens between issuer and gateway: the damage that can be told from the text, and undone.

Pure and bounded. A repair is never used by the gateway; it tells whether the token would be good without the damage,
and so where to look.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from holdfast.diagnostics.token_places import MAX_INPUT_CHARACTERS

_ROUNDS = 6
_FIELDS = ("token", "access_token", "accessToken", "jwt", "id_token")


class Damage(NamedTuple):
    """One thing that was done to a token, and what to do about it."""

    check: str
    what: str
    remedy: str


def repair(text: str) -> tuple[str, tuple[Damage, ...]]:
    """Undo what can be undone and return the token with what was found, each kind once."""
    token, found = text[:MAX_INPUT_CHARACTERS], dict[str, Damage]()
    for _ in range(_ROUNDS):
        before = token
        for damage, undo in _REPAIRS:
            repaired = undo(token)
            if repaired != token:
                found.setdefault(damage.check, damage)
                token = repaired
        if token == before:
            break
    return token, tuple(found.values())


def _from_answer(text: str) -> str:
    if not text.lstrip().startswith("{"):
        return text
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return next((fields[name] for name in _FIELDS if isinstance(fields.get(name), str)), text)


def _without_blanks(text: str) -> str:
    return _BLANKS.sub("", text)


def _without_prefix(text: str) -> str:
    return _PREFIX.sub("", text)


def _decoded(text: str) -> str:
    return unquote(text) if _ESCAPE.search(text) else text


def _in_url_alphabet(text: str) -> str:
    # Only what has the shape of a token: quotes and blanks of other texts are not its business.
    return text.translate(_URL_ALPHABET) if _BASE64.fullmatch(text) else text


# White space, control characters, and what is invisible: soft hyphen, zero-width characters, byte order mark.
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f\xad\u200b-\u200f\u2060\ufeff]+")
_PREFIX = re.compile(r"^\s*(?:authorization\s*:\s*)?(?:(?:bearer|token|jwt)(?:\s+|\s*[:=]\s*))+", re.IGNORECASE)
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_BASE64 = re.compile(r"[\w+/=-]+(?:\.[\w+/=-]*)+")
_URL_ALPHABET = str.maketrans("+/", "-_", "=")
_AROUND = "\"'`,;<>()[]\u2018\u2019\u201c\u201d"

_REPAIRS: tuple[tuple[Damage, Callable[[str], str]], ...] = (
    (
        Damage(
            "mistake_whole_answer", "this is a login's whole answer, not its token", "Send the field `token` alone."
        ),
        _from_answer,
    ),
    (
        Damage(
            "mistake_quotes",
            "quotes or other marks stand around it",
            "Take the text itself: JSON.parse or response.json() instead of the raw body, no quotes in variables.",
        ),
        lambda text: text.strip(_AROUND),
    ),
    (
        Damage(
            "mistake_prefix", "a prefix such as `Bearer ` is part of it", "Leave it to the header; send the bare token."
        ),
        _without_prefix,
    ),
    (
        Damage(
            "mistake_url_encoded", "it is URL-encoded", "Decode it once; outside a URL it is sent as it was issued."
        ),
        _decoded,
    ),
    (
        Damage(
            "mistake_line_breaks",
            "blanks or line breaks are in it",
            "Strip what a file, a variable or a copy brought along (`base64 -w0`, `tr -d '\\n'`).",
        ),
        _without_blanks,
    ),
    (
        Damage(
            "mistake_base64",
            "it is base64 with + / or =, a JWT is base64url without padding (RFC 7515, 2)",
            "Let a JWT library encode it, or use base64url and leave out the padding.",
        ),
        _in_url_alphabet,
    ),
)
