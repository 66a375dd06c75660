from __future__ import annotations

import asyncio
import gc
import json
import math
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina
from cryptography.hazmat.primitives.asymmetric import ed25519
from jwt.algorithms import OKPAlgorithm

from holdfast.auth.claims import ANONYMOUS, ConnectionClaims
from holdfast.auth.locate import NO_TOKEN, FoundToken
from holdfast.auth.validator import ImprovedTokenValidator
from holdfast.errors import ConfigError, TokenError
from holdfast.settings import TokenSettings

Maker = Callable[..., str]
Run = Callable[[Any], Any]


@pytest.fixture
def build(secret: str, clock: Any) -> Callable[..., ImprovedTokenValidator]:
    """Make a validator with the secret and further settings."""

    def make(allow_anonymous: bool = False, **settings: Any) -> ImprovedTokenValidator:
        tree = TokenSettings.model_validate({"hmac_secret": secret, **settings})
        return ImprovedTokenValidator(tree, allow_anonymous=allow_anonymous, clock=clock)

    return make


@pytest.fixture
def validator(build: Callable[..., ImprovedTokenValidator]) -> ImprovedTokenValidator:
    """A validator with one secret and the defaults."""
    return build()


def found(token: str) -> FoundToken:
    """A token as the connect command brings it."""
    return FoundToken(token, "connect")


def slug_of(run_now: Run, coroutine: Any) -> str:
    """Return the slug of a refusal, or ok."""
    try:
        run_now(coroutine)
    except TokenError as error:
        return error.slug
    return "ok"


def test_connection_is_validated_without_suspending(
    validator: ImprovedTokenValidator, make_token: Maker, run_now: Run
) -> None:
    """With static keys the whole validation is one step, needing no loop."""
    claims = run_now(validator.validate_connection(found(make_token({"sub": "42", "channels": ["a"]}))))

    assert (claims.user, claims.channels) == ("42", ("a",))


def test_connection_causes(
    validator: ImprovedTokenValidator, make_token: Maker, run_now: Run, now: int, logged: list[Any]
) -> None:
    """Missing, empty, malformed, badly signed, expired and early tokens are different causes, each with one line."""
    cases = {
        NO_TOKEN: "token_missing",
        found(""): "token_empty",
        found("  "): "token_empty",
        found("null"): "token_empty",
        found("undefined"): "token_empty",
        found("x"): "token_malformed",
        found("x" * 100_000): "token_malformed",
        found("a.b.c"): "token_not_base64",
        found("\ud800.b.c"): "token_not_base64",
        found(make_token({}, key="x" * 32)): "token_wrong_signature",
        found(make_token({"exp": now})): "token_expired",
        found(make_token({"nbf": now + 1})): "token_not_yet_valid",
        found(make_token({"sub": None})): "token_claims",
    }

    assert {one: slug_of(run_now, validator.validate_connection(one)) for one in cases} == cases
    assert [line["slug"] for line in logged] == list(cases.values())


def test_anonymous_needs_permission_and_no_token_at_all(
    build: Callable[..., ImprovedTokenValidator], run_now: Run
) -> None:
    """Permission to come without a token does not excuse an empty or a wrong one."""
    validator = build(allow_anonymous=True)

    assert run_now(validator.validate_connection(NO_TOKEN)) is ANONYMOUS
    assert slug_of(run_now, validator.validate_connection(found(""))) == "token_empty"
    assert slug_of(run_now, validator.validate_connection(found("x"))) == "token_malformed"


def test_validated_token_is_remembered(
    build: Callable[..., ImprovedTokenValidator], make_token: Maker, run_now: Run, clock: Any
) -> None:
    """The second use within the TTL gives the same claims without a check, then it is checked anew."""
    validator = build(cache_ttl=60)
    token = found(make_token({"sub": "42"}))
    first = run_now(validator.validate_connection(token))

    clock.advance(59)
    assert run_now(validator.validate_connection(token)) is first
    clock.advance(1)
    assert run_now(validator.validate_connection(token)) is not first


def test_remembered_token_expires_to_the_second(
    build: Callable[..., ImprovedTokenValidator], make_token: Maker, run_now: Run, clock: Any, now: int
) -> None:
    """Memory does not prolong a token's life, the leeway apart."""
    validator = build(leeway=2)
    token = found(make_token({"sub": "42", "exp": now + 10}))

    assert slug_of(run_now, validator.validate_connection(token)) == "ok"
    clock.advance(11.9)
    assert slug_of(run_now, validator.validate_connection(token)) == "ok"
    clock.advance(0.1)
    assert slug_of(run_now, validator.validate_connection(token)) == "token_expired"


def test_remembered_token_follows_a_clock_set_back(
    validator: ImprovedTokenValidator, make_token: Maker, run_now: Run, clock: Any, now: int
) -> None:
    """Times are checked at each use, not only at the first."""
    token = found(make_token({"sub": "42", "nbf": now}))

    assert slug_of(run_now, validator.validate_connection(token)) == "ok"
    clock.advance(-5)
    assert slug_of(run_now, validator.validate_connection(token)) == "token_not_yet_valid"


def test_remembered_token_ends_with_its_key(
    build: Callable[..., ImprovedTokenValidator], make_token: Maker, run_now: Run, clock: Any
) -> None:
    """A token of a previous key is refused from the key's end on, remembered or not."""
    old = {"secret": "o" * 40, "valid_until": "2023-11-14T22:13:30Z"}
    validator = build(previous_keys=[old])
    token = found(make_token({"sub": "42"}, key="o" * 40))

    assert slug_of(run_now, validator.validate_connection(token)) == "ok"
    clock.advance(9.9)
    assert slug_of(run_now, validator.validate_connection(token)) == "ok"
    clock.advance(0.1)
    assert slug_of(run_now, validator.validate_connection(token)) == "token_unknown_key"


def test_memory_is_bounded_and_has_no_token(
    build: Callable[..., ImprovedTokenValidator], make_token: Maker, run_now: Run
) -> None:
    """Only so many tokens are remembered, and none of them as such."""
    validator = build(cache_size=3)
    tokens = [make_token({"sub": str(number)}) for number in range(10)]
    for token in tokens:
        run_now(validator.validate_connection(found(token)))

    cache = validator._connections.cache
    assert len(cache) == 3
    gc.collect()
    held = [key for key in gc.get_referents(cache._entries) if isinstance(key, bytes | str)]
    assert not {token.encode() for token in tokens} & set(held)


def test_refusals_are_not_remembered(
    build: Callable[..., ImprovedTokenValidator], make_token: Maker, run_now: Run
) -> None:
    """Anybody can make refused tokens in any number, so they take no memory."""
    validator = build()
    for number in range(100):
        slug_of(run_now, validator.validate_connection(found(make_token({"sub": str(number)}, key="x" * 32))))

    assert len(validator._connections.cache) == 0


def test_revoked_token_is_refused_at_once(validator: ImprovedTokenValidator, make_token: Maker, run_now: Run) -> None:
    """A revocation by id holds from the next use on, for a remembered token too, and for no other."""
    token, other = (found(make_token({"sub": "42", "jti": jti})) for jti in "ab")
    for one in (token, other):
        run_now(validator.validate_connection(one))
    validator.revoke(jti="a")

    assert slug_of(run_now, validator.validate_connection(token)) == "token_revoked"
    assert slug_of(run_now, validator.validate_connection(other)) == "ok"


def test_revoked_user_needs_a_newer_token(
    validator: ImprovedTokenValidator, make_token: Maker, run_now: Run, clock: Any, now: int
) -> None:
    """All tokens issued until now are refused; one from a later login opens the door again."""
    token = found(make_token({"sub": "42", "iat": now - 5}))
    run_now(validator.validate_connection(token))
    validator.revoke(user="42")

    assert slug_of(run_now, validator.validate_connection(token)) == "user_revoked"
    clock.advance(5)
    assert slug_of(run_now, validator.validate_connection(found(make_token({"sub": "42", "iat": now + 1})))) == "ok"
    validator.revoke(user="42", issued_until=math.inf)
    assert slug_of(run_now, validator.validate_connection(found(make_token({"sub": "42", "iat": now + 5})))) == (
        "user_revoked"
    )


@pytest.mark.parametrize(
    ("slug", "user"), [("token_expired", "42"), ("token_wrong_signature", ""), ("token_empty", "")]
)
def test_user_of_a_refused_token(validator: ImprovedTokenValidator, make_token: Maker, slug: str, user: str) -> None:
    """A refused token names its user only where its signature was right."""
    assert validator.user_of(make_token({"sub": "42"}), TokenError(slug)) == user
    assert validator.user_of(make_token({"sub": 42}), TokenError(slug)) == ""


def test_revocations_hold_for_claims_without_a_token(validator: ImprovedTokenValidator, now: int) -> None:
    """Whoever the backend let in, or was let in a moment ago, is refused too; what is revoked can be listed."""
    validator.refuse_revoked(ConnectionClaims("42"))
    validator.revoke(user="42", kept_seconds=60, reason="left")

    with pytest.raises(TokenError, match="user_revoked"):
        validator.refuse_revoked(ConnectionClaims("42"))
    validator.refuse_revoked(ConnectionClaims("42", issued_at=now + 1))
    assert [(one.kind, one.name, one.reason) for one in validator.revocations()] == [("user", "42", "left")]


@pytest.mark.parametrize("arguments", [{}, {"jti": "a", "user": "b"}, {"jti": ""}])
def test_revoke_needs_one_of_two(validator: ImprovedTokenValidator, arguments: dict[str, str]) -> None:
    """What to revoke has to be unambiguous."""
    with pytest.raises(ValueError):
        validator.revoke(**arguments)  # type: ignore[arg-type]  # texts only, which mypy cannot see


def test_refresh_is_for_the_same_user(
    validator: ImprovedTokenValidator, make_token: Maker, run_now: Run, logged: list[Any]
) -> None:
    """A fresh token of the user prolongs, another user's and none do not, each with its line."""
    token = make_token({"sub": "42"})

    assert run_now(validator.validate_refresh(token, user="42")).user == "42"
    assert slug_of(run_now, validator.validate_refresh(token, user="43")) == "token_wrong_user"
    assert slug_of(run_now, validator.validate_refresh("", user="42")) == "token_missing"
    assert [line["slug"] for line in logged] == ["token_wrong_user", "token_missing"]


def test_subscription_is_bound_to_channel_user_and_client(
    validator: ImprovedTokenValidator, make_token: Maker, run_now: Run
) -> None:
    """A subscription token opens one channel for one user, and for one connection where it says so."""
    plain = make_token({"sub": "42", "channel": "$a"})
    bound = make_token({"sub": "42", "channel": "$a", "client": "c1"})

    def slug(token: str, channel: str = "$a", user: str = "42", client: str = "c1") -> str:
        return slug_of(run_now, validator.validate_subscription(token, channel=channel, user=user, client=client))

    assert slug(plain) == slug(bound) == "ok"
    assert slug(plain, channel="a") == "subscription_token_wrong_channel"
    assert slug(plain, user="43") == "subscription_token_wrong_user"
    assert slug(plain, client="c2") == "ok"
    assert slug(bound, client="c2") == "subscription_token_wrong_client"


def test_subscription_causes_have_slugs_of_their_own(
    validator: ImprovedTokenValidator, make_token: Maker, run_now: Run, now: int, logged: list[Any]
) -> None:
    """The same causes refuse the subscription alone, under `subscription_` slugs, in error, line and detail."""
    cases = {
        "": "subscription_token_missing",
        "null": "subscription_token_empty",
        "x": "subscription_token_malformed",
        "a.b.c": "subscription_token_not_base64",
        make_token({"channel": "$a"}, key="x" * 32): "subscription_token_wrong_signature",
        make_token({"channel": "$a"}, key="x" * 64, alg="HS512", kid="k"): "subscription_token_wrong_signature",
        make_token({"channel": "$a", "exp": now}): "subscription_token_expired",
        make_token({"channel": "$a", "nbf": now + 9}): "subscription_token_not_yet_valid",
        make_token({"sub": "42"}): "subscription_token_claims",
    }

    def slug(token: str) -> str:
        return slug_of(run_now, validator.validate_subscription(token, channel="$a", user=""))

    assert {token: slug(token) for token in cases} == cases
    assert [line["slug"] for line in logged] == list(cases.values())
    validator.revoke(user="")
    assert slug(make_token({"channel": "$a"})) == "subscription_user_revoked"


def test_kinds_are_not_interchangeable(validator: ImprovedTokenValidator, make_token: Maker, run_now: Run) -> None:
    """A remembered subscription token is still no connection token, and the other way round."""
    token = make_token({"sub": "42", "channel": "$a"})

    assert slug_of(run_now, validator.validate_subscription(token, channel="$a", user="42")) == "ok"
    assert slug_of(run_now, validator.validate_connection(found(token))) == "token_claims"


def test_subscription_may_have_rules_of_its_own(
    build: Callable[..., ImprovedTokenValidator], make_token: Maker, run_now: Run
) -> None:
    """Separate rules mean separate keys and audiences."""
    validator = build(subscription={"hmac_secret": "q" * 40, "audience": "subs"})
    own = make_token({"sub": "42", "channel": "$a", "aud": "subs"}, key="q" * 40)
    foreign = make_token({"sub": "42", "channel": "$a", "aud": "subs"})

    assert slug_of(run_now, validator.validate_subscription(own, channel="$a", user="42")) == "ok"
    assert slug_of(run_now, validator.validate_subscription(foreign, channel="$a", user="42")) == (
        "subscription_token_wrong_signature"
    )


def test_unusable_keys_stop_the_start(clock: Any) -> None:
    """Keys that cannot be used are a fault of the settings, found at once."""
    with pytest.raises(ConfigError, match="public_keys"):
        ImprovedTokenValidator(TokenSettings.model_validate({"public_keys": [{"pem": "x"}]}), clock=clock)


def test_short_secret_is_warned_of(clock: Any, logged: list[Any]) -> None:
    """The line names the setting, not the secret."""
    ImprovedTokenValidator(TokenSettings.model_validate({"hmac_secret": "hunter2"}), clock=clock)

    assert logged[0]["event"] == "weak_secret"
    assert "hunter2" not in repr(logged)


def test_describe_changes_nothing(
    validator: ImprovedTokenValidator, make_token: Maker, run_now: Run, logged: list[Any]
) -> None:
    """A report neither logs nor remembers."""
    report = validator.describe(make_token({"sub": "42"}))

    assert report.is_valid
    assert len(validator._connections.cache) == 0
    assert logged == []


class Issuer(httpx.AsyncBaseTransport):
    """An issuer whose keys and temper can be changed."""

    def __init__(self) -> None:
        self.keys: dict[str, ed25519.Ed25519PrivateKey] = {"one": ed25519.Ed25519PrivateKey.generate()}
        self.is_up = True
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if not self.is_up:
            raise httpx.ConnectError("down")
        keys = [
            {**OKPAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "key_ops": ["verify"]}
            for kid, key in self.keys.items()
        ]
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps({"keys": keys}).encode()))


@pytest.fixture
def issuer() -> Issuer:
    """An issuer with one key."""
    return Issuer()


@pytest.fixture
async def fetching(issuer: Issuer, clock: Any) -> AsyncIterator[ImprovedTokenValidator]:
    """A validator that has its keys from the issuer."""
    settings = TokenSettings.model_validate({"jwks": {"url": "http://issuer.example/keys", "min_interval": 1}})
    validator = ImprovedTokenValidator(settings, clock=clock, transport=issuer)
    for key_set in validator._key_sets:
        key_set._clock = clock
    with stamina.set_testing(True, attempts=1):
        yield validator
    await validator.stop()


async def test_unknown_key_is_fetched_once_for_a_crowd(
    fetching: ImprovedTokenValidator, issuer: Issuer, make_token: Maker
) -> None:
    """The first tokens wait for the key set together; afterwards nothing waits."""
    tokens = [make_token({"sub": str(n)}, key=issuer.keys["one"], alg="EdDSA", kid="one") for n in range(20)]
    claims = await asyncio.gather(*(fetching.validate_connection(found(token)) for token in tokens))

    assert [one.user for one in claims] == [str(n) for n in range(20)]
    assert issuer.requests == 1
    assert fetching.key_sets()[0].keys == 1


async def test_known_key_needs_no_loop(
    fetching: ImprovedTokenValidator, issuer: Issuer, make_token: Maker, run_now: Run
) -> None:
    """A fetched key validates without suspending, even while the issuer is down."""
    assert await fetching.refresh_key_sets()
    issuer.is_up = False
    assert not await fetching.refresh_key_sets()
    token = make_token({"sub": "42"}, key=issuer.keys["one"], alg="EdDSA", kid="one")

    assert run_now(fetching.validate_connection(found(token))).user == "42"


async def test_key_that_nobody_has_stays_unknown(
    fetching: ImprovedTokenValidator, issuer: Issuer, make_token: Maker, clock: Any
) -> None:
    """After a fetch without it the cause is the unknown key, and the issuer is spared for a while."""
    stranger = ed25519.Ed25519PrivateKey.generate()
    for number in range(5):
        with pytest.raises(TokenError) as error:
            await fetching.validate_connection(
                found(make_token({"sub": "42"}, key=stranger, alg="EdDSA", kid=f"made-up-{number}"))
            )
        assert error.value.slug == "token_unknown_key"
    assert issuer.requests == 1

    with pytest.raises(TokenError) as error:
        await fetching.validate_connection(found(make_token({"sub": "42"}, key="s" * 40, kid="one")))
    assert error.value.slug == "token_algorithm"


async def test_refresh_for_unknown_key_spares_the_issuer(fetching: ImprovedTokenValidator, issuer: Issuer) -> None:
    """A diagnosis fetches no oftener than tokens with made-up key ids do."""
    for _ in range(5):
        await fetching.refresh_for_unknown_key()

    assert issuer.requests == 1
    assert fetching.key_sets()[0].keys == 1


async def test_key_that_left_the_set_ends_remembered_tokens(
    fetching: ImprovedTokenValidator, issuer: Issuer, make_token: Maker, clock: Any
) -> None:
    """A withdrawn key takes its tokens with it at the next fetch."""
    token = found(make_token({"sub": "42"}, key=issuer.keys["one"], alg="EdDSA", kid="one"))
    await fetching.validate_connection(token)
    issuer.keys = {"two": ed25519.Ed25519PrivateKey.generate()}
    await fetching.refresh_key_sets()

    with pytest.raises(TokenError) as error:
        await fetching.validate_connection(token)
    assert error.value.slug == "token_unknown_key"


async def test_start_fetches_in_the_background(fetching: ImprovedTokenValidator, issuer: Issuer, settle: Any) -> None:
    """`start` returns at once, the keys come soon after, `stop` leaves no task."""
    before = asyncio.all_tasks()
    await fetching.start()
    assert issuer.requests == 0
    for _ in range(20):
        await settle()
    assert issuer.requests == 1
    await fetching.stop()

    assert asyncio.all_tasks() == before


async def test_subscription_waits_for_keys_too(
    fetching: ImprovedTokenValidator, issuer: Issuer, make_token: Maker
) -> None:
    """A subscription token with a new key id brings the key set as well."""
    token = make_token({"sub": "42", "channel": "a"}, key=issuer.keys["one"], alg="EdDSA", kid="one")

    assert (await fetching.validate_subscription(token, channel="a", user="42")).channel == "a"


def test_keys_are_read_again(
    build: Callable[..., ImprovedTokenValidator], make_token: Maker, run_now: Run, tmp_path: Path, logged: list[Any]
) -> None:
    """A key that came counts, one that went does not, remembered or not; a bad file changes nothing."""
    file = tmp_path / "keys.json"

    def write(*kids: str) -> None:
        file.write_text(json.dumps({"keys": [{"kid": kid, "secret": kid * 32} for kid in kids]}))

    def slug(kid: str) -> str:
        token = make_token({"sub": "42"}, key=kid * 32, header={"kid": kid})
        return slug_of(run_now, validator.validate_connection(found(token)))

    write("a")
    validator = build(keys_file=file)
    assert (slug("a"), slug("b")) == ("ok", "token_wrong_signature")
    write("a", "b")
    validator.reload_keys()
    assert (slug("a"), slug("b")) == ("ok", "ok")
    described = validator.keys()
    assert [(one["kid"], one["origin"]) for one in described] == [("", "static"), ("a", "file"), ("b", "file")]
    write("b")
    validator.reload_keys()
    assert (slug("a"), slug("b")) == ("token_wrong_signature", "ok")
    file.write_text("{")
    validator.reload_keys()

    assert slug("b") == "ok"
    assert [one["event"] for one in logged if one["event"].startswith("keys_")] == [
        "keys_reloaded", "keys_reloaded", "keys_not_reloaded",
    ]  # fmt: skip
    assert "bbbb" not in str(validator.keys())


def test_reload_without_files_forgets_nothing(validator: ImprovedTokenValidator, logged: list[Any]) -> None:
    """A SIGHUP that is meant for the log costs no token its place in memory."""
    generation = validator._connections.verifier.ring.generation
    validator.reload_keys()

    assert validator._connections.verifier.ring.generation == generation
    assert logged == []
