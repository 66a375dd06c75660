from __future__ import annotations

import base64
import json

import pytest

from holdfast.auth.jwt import Header, HeaderCache, decode_segment, header_fields, parse_header, split_token
from holdfast.errors import TokenError


def segment(text: str | bytes) -> bytes:
    """Encode a part of a token."""
    data = text if isinstance(text, bytes) else text.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def slug_of(error: pytest.ExceptionInfo[TokenError]) -> str:
    """Return the slug of a refusal, or ok."""
    return error.value.slug


def test_split_returns_parts_and_what_is_signed() -> None:
    """The signing input is everything before the last dot, byte for byte."""
    assert split_token("aa.bb.cc", 100) == (b"aa", b"bb", b"cc", b"aa.bb")
    assert split_token("aa.bb.", 100) == (b"aa", b"bb", b"", b"aa.bb")


@pytest.mark.parametrize(
    ("token", "slug", "hint"),
    [
        ("", "token_malformed", "got 1"),
        ("abc", "token_malformed", "got 1"),
        ("a.b", "token_malformed", "got 2"),
        ("a.b.c.d", "token_malformed", "got 4"),
        ("a.b.c.d.e", "token_malformed", "JWE"),
        ("Bearer abc", "token_malformed", "prefix"),
        ("a.b.\N{SNOWMAN}", "token_not_base64", "ASCII"),
        ("x" * 101, "token_malformed", "at most 100"),
    ],
)
def test_split_names_the_fault(token: str, slug: str, hint: str) -> None:
    """Whatever has not three ASCII parts of bearable length is refused with a hint at the cause."""
    with pytest.raises(TokenError) as error:
        split_token(token, 100)

    assert slug_of(error) == slug
    assert hint in error.value.detail


def test_split_never_quotes_the_token() -> None:
    """The message has no part of what was sent."""
    with pytest.raises(TokenError) as error:
        split_token("topsecret.topsecret", 100)

    assert "topsecret" not in str(error.value)


@pytest.mark.parametrize("size", range(70))
def test_segment_decodes_every_length(size: int) -> None:
    """Canonical base64url of any length comes back as it was."""
    data = bytes(range(186, 186 + size)) if size < 70 else b""

    assert decode_segment(segment(data), "payload") == data


@pytest.mark.parametrize(
    "text",
    [b"A", b"AAAAA", b"AB", b"AAB", b"AA==", b"AAA=", b"A+AA", b"A/AA", b"AA A", b"AA\nA", b"AA\0A", b"=", b"A=AA"],
)
def test_segment_refuses_other_spellings(text: bytes) -> None:
    """Padding, the other alphabet, white space, NUL, left-over characters and spare bits are not base64url."""
    with pytest.raises(TokenError) as error:
        decode_segment(text, "signature")

    assert slug_of(error) == "token_not_base64"
    assert error.value.context["part"] == "signature"


def test_header_keeps_algorithm_and_key_id_only() -> None:
    """Unknown fields, `typ` and embedded or remote keys are never looked at."""
    fields = {"alg": "HS256", "kid": "k1", "typ": "at+jwt", "jku": "https://evil.example/", "jwk": {"kty": "oct"}}

    assert parse_header(segment(json.dumps(fields))) == Header("HS256", "k1")


def test_header_accepts_an_explicitly_encoded_payload() -> None:
    """`b64: true` is the default of RFC 7797 and changes nothing."""
    assert parse_header(segment('{"alg":"HS256","b64":true}')) == Header("HS256", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"HS256"',
        "{",
        "{}",
        '{"alg":null}',
        '{"alg":["HS256"]}',
        '{"alg":"HS256","kid":1}',
        '{"alg":"HS256","kid":null}',
        '{"alg":"none","alg":"HS256"}',
        '{"alg":"HS256","x":{"a":1,"a":2}}',
        '{"alg":"HS256","x":NaN}',
        '{"alg":"HS256","x":Infinity}',
        '{"alg":"HS256","crit":["b64"],"b64":false}',
        '{"alg":"HS256","crit":["exp"],"exp":1}',
        '{"alg":"HS256","crit":[]}',
        '{"alg":"HS256","b64":false}',
        '{"alg":"HS256","b64":"true"}',
        "[" * 5000,
        '{"alg":' + "[" * 5000,
        '{"alg":"HS256","x":' + "9" * 5000 + "}",
    ],
)
def test_header_refuses_what_it_must_understand(text: str) -> None:
    """Anything but one object with unique names, a text `alg`, a text `kid` and no extension is malformed."""
    with pytest.raises(TokenError) as error:
        parse_header(segment(text))

    assert slug_of(error) == "token_malformed"


def test_header_refuses_invalid_utf8() -> None:
    """A header in Latin-1 is malformed, not guessed at."""
    with pytest.raises(TokenError) as error:
        header_fields(segment(b'{"alg":"\xff"}'))

    assert slug_of(error) == "token_malformed"


def test_header_cache_learns_only_what_it_is_told() -> None:
    """Parsing fills nothing, so unverified tokens cannot push known headers out."""
    cache = HeaderCache()
    known = segment('{"alg":"HS256"}')

    header = cache.parse(known)
    assert len(cache) == 0
    cache.remember(known, header)
    assert cache.parse(known) is header


def test_header_cache_is_bounded() -> None:
    """Many issuers empty the cache instead of growing it."""
    cache = HeaderCache()
    for number in range(1000):
        cache.remember(str(number).encode(), Header("HS256", str(number)))

    assert len(cache) <= 256
