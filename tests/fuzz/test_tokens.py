"""Tokens of every kind against PyJWT: what it refuses we refuse, and where both accept they agree."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any
from unittest import mock

import jwt
import pytest
import structlog
from hypothesis import assume, example, given
from hypothesis import strategies as st

from holdfast.auth.keys import hmac_sign
from holdfast.auth.locate import FoundToken, locate_token
from holdfast.auth.validator import ImprovedTokenValidator
from holdfast.codes import CODES
from holdfast.errors import TokenError
from holdfast.settings import TokenSettings

NOW = 1_700_000_000
SECRET = "a secret of more than thirty-two bytes"
LEEWAY = 2
SETTINGS = {"hmac_secret": SECRET, "hmac_algorithms": ["HS256"], "audience": "gw", "issuer": "app", "leeway": LEEWAY}
# Where we are stricter than PyJWT on purpose: types that it converts, and headers with repeated names.
STRICTER = {"token_claims", "token_malformed", "token_not_base64"}


class StillClock(datetime):
    """What PyJWT takes for the present."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        """Return NOW."""
        return datetime.fromtimestamp(NOW, tz)


@pytest.fixture(autouse=True, scope="module")
def still_clock() -> Iterator[None]:
    """Stop PyJWT's clock and keep the log quiet."""
    with mock.patch("jwt.api_jwt.datetime", StillClock), structlog.testing.capture_logs():
        yield


def validator() -> ImprovedTokenValidator:
    """Make a validator whose clock stands at NOW."""
    return ImprovedTokenValidator(TokenSettings.model_validate(SETTINGS), clock=lambda: NOW)


def ours(token: str, with_validator: ImprovedTokenValidator | None = None) -> Any:
    """Return our claims, or the slug of the refusal; anything else that is raised fails the test."""
    coroutine = (with_validator or validator()).validate_connection(FoundToken(token, "connect"))
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    except TokenError as error:
        return CODES[error.slug].slug
    raise AssertionError("it suspended")


def theirs(token: str) -> dict[str, Any] | None:
    """Return PyJWT's claims, None for a refusal."""
    try:
        return jwt.decode(token, SECRET, algorithms=["HS256"], audience="gw", issuer="app", leeway=LEEWAY)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def compare(token: str) -> None:
    """Hold the two verdicts on one token against each other."""
    result, reference = ours(token), theirs(token)
    if reference is None:
        assert isinstance(result, str), "PyJWT refuses what we accept"
    elif isinstance(result, str):
        assert result in STRICTER, f"PyJWT accepts what we refuse as {result}"
    else:
        assert result.user == reference.get("sub", "")
        assert result.jti == reference.get("jti", "")
        if "exp" in reference:
            assert result.expires_at == max(1, int(reference["exp"]))


def segment(data: bytes) -> str:
    """Encode one part of a token."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: str, payload: str) -> str:
    """Sign two texts, whatever they are."""
    signing_input = (
        f"{segment(header.encode('utf-8', 'surrogatepass'))}.{segment(payload.encode('utf-8', 'surrogatepass'))}"
    )
    return f"{signing_input}.{segment(hmac_sign(SECRET.encode(), 'HS256', signing_input.encode()))}"


GOOD = {"sub": "42", "exp": NOW + 60, "iat": NOW, "nbf": NOW, "aud": "gw", "iss": "app", "jti": "j"}
TOKEN = signed('{"alg":"HS256","typ":"JWT"}', json.dumps(GOOD))

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_moment = (
    st.integers(NOW - 4, NOW + 4)
    | st.floats(NOW - 4, NOW + 4)
    | st.sampled_from([0, -1, 1e300, 10**30, float("nan"), float("inf"), "1700000060", str(NOW), True, None])
    | _json
)
_audience = st.sampled_from(["gw", "other", ["gw"], ["a", "gw"], ["a"], [], "", None, 7, ["gw", 7], {"gw": 1}])
_claims = st.fixed_dictionaries(
    {"aud": _audience | st.just("gw"), "iss": st.sampled_from(["app", "app", "other", "", None, 7])},
    optional={
        "sub": st.text(max_size=20) | st.sampled_from([None, 42, ["x"]]),
        "exp": _moment,
        "nbf": _moment,
        "iat": _moment,
        "jti": st.text(max_size=10) | st.sampled_from([None, 7]),
        "info": _json,
        "other": _json,
    },
)


def test_the_good_token_is_good() -> None:
    """The tests below start from a token that both accept."""
    assert theirs(TOKEN) == GOOD
    assert ours(TOKEN).user == "42"


@given(_claims)
def test_claims_are_judged_as_by_pyjwt(claims: dict[str, Any]) -> None:
    """Times at their edges, audiences, issuers and every wrong type: never more lenient than PyJWT."""
    compare(signed('{"alg":"HS256"}', json.dumps(claims)))


@given(
    exp=st.integers(NOW - 4, NOW + 4),
    nbf=st.integers(NOW - 4, NOW + 4),
    iat=st.integers(NOW - 4, NOW + 4),
    aud=st.sampled_from(["gw", ["gw"], ["x", "gw"], "x", ["x"]]),
    iss=st.sampled_from(["app", "x"]),
)
def test_well_typed_claims_are_judged_alike(exp: int, nbf: int, iat: int, aud: Any, iss: str) -> None:
    """Of tokens with right types both accept and refuse the very same."""
    token = signed('{"alg":"HS256"}', json.dumps({**GOOD, "exp": exp, "nbf": nbf, "iat": iat, "aud": aud, "iss": iss}))

    assert isinstance(ours(token), str) == (theirs(token) is None)


@given(
    st.dictionaries(
        st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jku", "jwk", "x5c", "enc", "zip", "cty"]),
        st.sampled_from(
            ["HS256", "HS384", "none", "None", "RS256", "JWT", "", None, True, False, 7, ["b64"], ["exp"], {}]
        ),
    )
)
@example({"alg": "HS256", "crit": ["b64"], "b64": False})
@example({"alg": "HS256", "b64": True})
@example({"alg": "none"})
def test_headers_are_judged_as_by_pyjwt(header: dict[str, Any]) -> None:
    """Algorithms, critical extensions and types of the header: never more lenient than PyJWT."""
    compare(signed(json.dumps(header), json.dumps(GOOD)))
    unsigned = signed(json.dumps(header), json.dumps(GOOD)).rpartition(".")[0] + "."
    assert isinstance(ours(unsigned), str)


@given(st.text(max_size=60), st.text(max_size=60))
def test_signed_texts_are_judged_as_by_pyjwt(header: str, payload: str) -> None:
    """Header and payload that are no JSON at all."""
    compare(signed(header, json.dumps(GOOD)))
    compare(signed('{"alg":"HS256"}', payload))


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="utf-8") | st.sampled_from("._-=+/\0 \n"))
def test_one_changed_character_is_refused(index: int, character: str) -> None:
    """A token has one spelling: no change of any character leaves it valid, remembered or not."""
    assume(TOKEN[index] != character)
    changed = TOKEN[:index] + character + TOKEN[index + 1 :]
    warm = validator()
    ours(TOKEN, warm)

    assert isinstance(ours(changed), str)
    assert isinstance(ours(changed, warm), str)


@given(st.integers(0, len(TOKEN)), st.integers(0, len(TOKEN)), st.text(max_size=5))
def test_cut_and_spliced_tokens_are_refused(start: int, end: int, insert: str) -> None:
    """Pieces missing, repeated or put in between: refused."""
    changed = TOKEN[:start] + insert + TOKEN[end:]
    assume(changed != TOKEN)

    assert isinstance(ours(changed), str)


@given(st.text())
@example("\ud800")
@example("." * 10_000)
@example("." + "A" * 8192)
@example("eyJhbGciOiJIUzI1NiJ9..")
def test_any_text_ends_in_a_slug(text: str) -> None:
    """Whatever comes, one named cause goes out, and the report has the same one."""
    result = ours(text)

    assert isinstance(result, str)
    assert validator().describe(text).slug.removeprefix("subscription_") == result


@given(st.text(alphabet="ABCXYZabcxyz019-_.", max_size=200), st.text(max_size=10), st.text(max_size=10))
def test_any_subscription_text_ends_in_a_slug(text: str, channel: str, user: str) -> None:
    """In a subscribe command every cause is one of its own slugs."""
    coroutine = validator().validate_subscription(text, channel=channel, user=user)
    with pytest.raises(TokenError) as error:
        coroutine.send(None)

    assert error.value.slug.startswith("subscription_")
    assert error.value.slug in CODES


@given(
    st.none() | st.text(max_size=20),
    st.lists(st.tuples(st.sampled_from([b"authorization", b"Cookie", b"x"]), st.binary(max_size=40))),
    st.binary(max_size=60),
    st.none() | st.text(max_size=5),
)
def test_any_handshake_has_a_token_or_none(
    in_connect: str | None, headers: list[tuple[bytes, bytes]], query: bytes, cookie: str | None
) -> None:
    """Looking for a token never raises, and no place is named without being there."""
    found = locate_token(in_connect, headers, query, cookie)

    assert (found.source != "none") or not found.token
    assert in_connect is not None or found.source != "connect"


@given(_claims, st.sampled_from(["connection", "subscription", None]))
def test_reports_agree_with_verdicts(claims: dict[str, Any], kind: Any) -> None:
    """`describe` never raises and gives the slug that the gateway gives."""
    token = signed('{"alg":"HS256"}', json.dumps(claims))
    report = validator().describe(token, kind=kind)
    result = ours(token)

    if report.kind == "connection":
        assert report.slug == (result if isinstance(result, str) else "ok")
