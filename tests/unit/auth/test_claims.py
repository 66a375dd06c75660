from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from holdfast.auth.claims import (
    ANONYMOUS,
    LATEST_MOMENT,
    SubscribeOverrides,
    decode_connection,
    decode_subscription,
)
from holdfast.errors import TokenError


def connection(**claims: Any) -> Any:
    """Decode claims as those of a connection token."""
    return decode_connection(json.dumps(claims).encode())


def subscription(**claims: Any) -> Any:
    """Decode claims as those of a subscription token."""
    return decode_subscription(json.dumps(claims).encode())


def test_connection_reads_every_claim() -> None:
    """All of Centrifugo's connection claims arrive."""
    claims = connection(
        sub="42", exp=200, iat=100, nbf=99, jti="j", aud=["a", "b"], iss="i", info={"n": 1}, meta=[2], channels=["x"]
    )

    assert (claims.user, claims.expires_at, claims.expire_at) == ("42", 200, 200)
    assert (claims.issued_at, claims.not_before, claims.jti, claims.issuer) == (100, 99, "j", "i")
    assert (claims.audience, claims.channels, dict(claims.subs)) == (("a", "b"), ("x",), {})
    assert (bytes(claims.info), bytes(claims.meta)) == (b'{"n": 1}', b"[2]")


def test_connection_without_claims_is_the_anonymous_user_for_ever() -> None:
    """Absent claims have Centrifugo's meaning."""
    assert connection() == ANONYMOUS
    assert connection(sub="") == ANONYMOUS


@pytest.mark.parametrize(("expire_at", "expected"), [(None, 200), (0, 0), (500, 500), (500.9, 500)])
def test_expire_at_decides_when_the_connection_ends(expire_at: float | None, expected: int) -> None:
    """`expire_at` replaces `exp` for the connection, 0 is never; the token still ends at `exp`."""
    claims = connection(exp=200, expire_at=expire_at)

    assert claims.expire_at == expected
    assert claims.expires_at == 200


def test_subs_replace_channels_and_carry_options() -> None:
    """Where `subs` is given `channels` does not count, and each override is a switch of its own."""
    options = {"info": {"a": 1}, "data": "d", "override": {"presence": {"value": True}, "force_recovery": {}}}
    claims = connection(sub="1", channels=["dropped"], subs={"news": options, "plain": {}})

    news = claims.subs["news"]
    assert claims.channels == ()
    assert (bytes(news.info), bytes(news.data)) == (b'{"a": 1}', b'"d"')
    assert news.overrides == SubscribeOverrides(presence=True, force_recovery=False)
    assert claims.subs["plain"].info is None


def test_info_in_base64_goes_before_info() -> None:
    """`b64info` wins over `info`, as with Centrifugo."""
    encoded = base64.b64encode(b'{"x": 1}').decode()

    assert bytes(connection(info=1, b64info=encoded).info) == b'{"x":1}'


@pytest.mark.parametrize(
    "text", ["@@@", "AAA", base64.b64encode(b"\xff\xfe").decode(), base64.b64encode(b"{").decode()]
)
def test_info_in_base64_has_to_be_json(text: str) -> None:
    """Bytes that JSON clients could not read are refused by name."""
    with pytest.raises(TokenError, match="b64info") as error:
        connection(b64info=text)

    assert error.value.slug == "token_claims"


def test_info_has_no_line_breaks() -> None:
    """Line breaks in a pretty-printed token would cut newline-delimited frames; texts keep theirs escaped."""
    claims = decode_connection(b'{"info":{\r\n"a": "x\\ny"}}')

    assert claims.info is not None
    assert bytes(claims.info) == b'{"a":"x\\ny"}'


def test_null_means_absent_only_where_it_is_harmless() -> None:
    """Serializers write null for empty lists and objects; those are absent."""
    names = ("info", "b64info", "meta", "channels", "subs", "aud", "iss", "expire_at", "channel")

    assert connection(**dict.fromkeys(names)) == ANONYMOUS


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": None},
        {"sub": 42},
        {"exp": None},
        {"exp": "200"},
        {"exp": True},
        {"exp": -1},
        {"exp": LATEST_MOMENT + 1},
        {"exp": 1_700_000_000_000},
        {"exp": 10**40},
        {"iat": "now"},
        {"nbf": []},
        {"jti": 7},
        {"aud": 7},
        {"aud": ["a", 7]},
        {"iss": 7},
        {"channels": "news"},
        {"channels": [1]},
        {"subs": ["news"]},
        {"subs": {"news": None}},
        {"subs": {"news": {"override": {"presence": True}}}},
        {"expire_at": "never"},
        {"channel": "news"},
    ],
)
def test_connection_refuses_wrong_types_and_values(claims: dict[str, Any]) -> None:
    """A claim of a wrong type or an impossible value is named, and never guessed at."""
    with pytest.raises(TokenError) as error:
        connection(**claims)

    assert error.value.slug == "token_claims"


@pytest.mark.parametrize("text", [b'{"exp":NaN}', b'{"exp":Infinity}', b'{"exp":1e}', b'{"exp":01}'])
def test_connection_refuses_what_is_not_json(text: bytes) -> None:
    """Python's extensions of JSON are no JSON."""
    with pytest.raises(TokenError) as error:
        decode_connection(text)

    assert error.value.slug == "token_malformed"


def test_connection_refuses_numbers_beyond_a_float() -> None:
    """1e400 is a number that no clock reaches."""
    with pytest.raises(TokenError) as error:
        decode_connection(b'{"exp":1e400}')

    assert error.value.slug == "token_claims"


@pytest.mark.parametrize("exp", [0, 0.0, 0.5, 1.9])
def test_exp_in_the_first_second_is_not_absent(exp: float) -> None:
    """An `exp` of 0 has long passed; it must not read as no end at all."""
    assert connection(exp=exp).expires_at == 1


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"[]", b"7", b'"x"', b"{", b'{"sub":"\xff"}', b'{"info":"\xff"}', b'{"info":' + b"[" * 5000],
)
def test_payload_has_to_be_an_object_in_utf8(payload: bytes) -> None:
    """Anything else is malformed, wrong bytes inside unread parts included."""
    with pytest.raises(TokenError) as error:
        decode_connection(payload)

    assert error.value.slug == "token_malformed"


def test_subscription_reads_every_claim() -> None:
    """All of Centrifugo's subscription claims arrive."""
    claims = subscription(
        sub="42",
        channel="$news",
        client="c1",
        exp=200,
        expire_at=0,
        info=1,
        b64data=base64.b64encode(b"[]").decode(),
        override={"join_leave": {"value": True}, "force_push_join_leave": {"value": True}},
    )

    assert (claims.user, claims.channel, claims.client) == ("42", "$news", "c1")
    assert (claims.expires_at, claims.expire_at) == (200, 0)
    assert (bytes(claims.info), bytes(claims.data)) == (b"1", b"[]")
    assert claims.overrides == SubscribeOverrides(join_leave=True, force_push_join_leave=True)


@pytest.mark.parametrize("channel", [None, ""])
def test_subscription_needs_a_channel(channel: str | None) -> None:
    """A connection token does not open a channel."""
    with pytest.raises(TokenError) as error:
        subscription(sub="42", channel=channel)

    assert error.value.slug == "token_claims"
