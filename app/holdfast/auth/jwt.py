"""The compact form of a JWT (RFC 7515, 7519): cut it, decode it strictly, read its header.

Pure: no key, no clock. Base64url is accepted in its one canonical spelling only, so that a token has one spelling
and a cache or a revocation can rely on it. Which algorithm a key accepts is decided in `keys`.
"""

from __future__ import annotations

import binascii
import json
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from holdfast.errors import TokenError

# Headers of one issuer are the same few byte strings; more than this many means many issuers, and a
# cleared dictionary costs each of them one parse.
_HEADER_CACHE_ENTRIES = 256

# The URL alphabet mapped to the one binascii decodes; what only the other alphabet or padding has is
# mapped to a character that strict decoding refuses.
_URL_ALPHABET = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING = (b"", b"", b"==", b"=")
# RFC 4648, 3.5: the unused low bits of the last character are zero, or two texts decode to one value.
_CANONICAL_LAST: tuple[frozenset[int] | None, ...] = (
    None,
    frozenset(),
    frozenset(b"AQgw"),
    frozenset(b"AEIMQUYcgkosw048"),
)


class Parts(NamedTuple):
    """The three segments as received, and what the signature covers."""

    header: bytes
    payload: bytes
    signature: bytes
    signing_input: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """What of the JOSE header counts; `typ`, `jku`, `jwk`, `x5u` and others are never looked at."""

    alg: str
    kid: str | None


def split_token(token: str, max_bytes: int) -> Parts:
    """Cut a compact JWS into its parts.

    Raises:
        TokenError: `token_malformed` when it is too long or has not three parts, `token_not_base64` when it has
            characters outside ASCII.
    """
    if len(token) > max_bytes:
        raise TokenError("token_malformed", f"expected at most {max_bytes} characters, got {len(token)}")
    try:
        data = token.encode("ascii")
        header, payload, signature = data.split(b".")
    except UnicodeEncodeError:
        raise TokenError("token_not_base64", "characters outside ASCII") from None
    except ValueError:
        raise TokenError("token_malformed", _shape_hint(token)) from None
    return Parts(header, payload, signature, data[: len(data) - len(signature) - 1])


def decode_segment(segment: bytes, name: str) -> bytes:
    """Decode canonical base64url without padding.

    Raises:
        TokenError: `token_not_base64`, naming the part.
    """
    rest = len(segment) & 3
    last = _CANONICAL_LAST[rest]
    if last is not None and segment[-1] not in last:
        why = "one character is left over" if rest == 1 else "the last character has spare bits set"
        raise TokenError("token_not_base64", f"{name}: {why}", part=name)
    try:
        return binascii.a2b_base64(segment.translate(_URL_ALPHABET) + _PADDING[rest], strict_mode=True)
    except binascii.Error:
        raise TokenError("token_not_base64", f"{name}: a character outside the URL alphabet", part=name) from None


def parse_header(segment: bytes) -> Header:
    """Read a header segment.

    Raises:
        TokenError: `token_not_base64`, or `token_malformed` for anything but a JSON object with unique names, a text
            `alg`, at most a text `kid`, and none of the extensions that must be understood (`crit`, `b64`).
    """
    fields = header_fields(segment)
    alg, kid = fields.get("alg"), fields.get("kid")
    if not isinstance(alg, str):
        raise TokenError("token_malformed", "header: expected a text `alg`")
    if "kid" in fields and not isinstance(kid, str):
        raise TokenError("token_malformed", "header: expected a text `kid`, or none at all")
    # RFC 7515, 4.1.11: a recipient that does not understand what `crit` lists refuses the token. We
    # understand no extension, and RFC 7797, 6 lists `b64` there too.
    if "crit" in fields:
        raise TokenError("token_malformed", "header: `crit` extensions are not supported")
    if fields.get("b64", True) is not True:
        raise TokenError("token_malformed", "header: unencoded payloads (`b64`) are not supported")
    return Header(alg, kid if isinstance(kid, str) else None)


def header_fields(segment: bytes) -> dict[str, object]:
    """Decode a header segment into its fields.

    Raises:
        TokenError: `token_not_base64` or `token_malformed`.
    """
    raw = decode_segment(segment, "header")
    try:
        fields = json.loads(raw.decode(), object_pairs_hook=_unique_pairs, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise TokenError("token_malformed", "header: expected a JSON object in UTF-8 with unique names") from None
    if not isinstance(fields, dict):
        raise TokenError("token_malformed", "header: expected a JSON object")
    return fields


class HeaderCache:
    """Parsed headers by their bytes, so that a known issuer's header costs one lookup.

    Only `remember` adds, and it is called for verified tokens alone: nobody without a key can fill it.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, Header] = {}

    def parse(self, segment: bytes) -> Header:
        """Return the header of a segment; raises as `parse_header` does."""
        return self._known.get(segment) or parse_header(segment)

    def remember(self, segment: bytes, header: Header) -> None:
        """Keep the header of a token whose signature was right."""
        if segment not in self._known:
            if len(self._known) >= _HEADER_CACHE_ENTRIES:
                self._known.clear()
            self._known[segment] = header

    def __len__(self) -> int:
        return len(self._known)


def _unique_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse repeated names: RFC 7515, 4 lets a reader choose, and readers that choose differently are a hole."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("repeated name")
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _shape_hint(token: str) -> str:
    """Say what a text without three parts probably is, without quoting it."""
    if token[:7].lower() == "bearer ":
        return "expected the bare token, got it with the prefix `Bearer`"
    count = token.count(".") + 1
    if count == 5:
        return "expected 3 parts, got 5: encrypted tokens (JWE) are not supported"
    return f"expected 3 parts separated by dots, got {count}"
