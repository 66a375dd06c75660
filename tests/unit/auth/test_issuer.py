from __future__ import annotations

import jwt
import pytest

from holdfast.auth.issuer import SigningKey, TokenIssuer, sign, signing_key
from holdfast.errors import ConfigError
from holdfast.settings import TokenRules, TokenSettings

SECRET = "a secret of more than thirty-two bytes"


def issuer(**settings: object) -> TokenIssuer:
    """An issuer with the secret and a clock that stands still."""
    return TokenIssuer(TokenSettings.model_validate({"hmac_secret": SECRET, **settings}), clock=lambda: 1000.9)


def read(token: str, secret: str = SECRET) -> dict[str, object]:
    """Decode with PyJWT, which checks the signature."""
    options = {"verify_exp": False, "verify_aud": False, "verify_iat": False}
    return jwt.decode(token, secret, algorithms=["HS256", "HS512"], options=options)  # type: ignore[arg-type]  # a plain dict is what PyJWT documents


def test_connection_token_has_the_usual_claims() -> None:
    """User, issue, end by the configured life, an id of its own, audience and issuer of the settings."""
    claims = read(issuer(audience="gw", issuer="app", create_ttl=60).create_connection("42"))

    assert claims.pop("jti")
    assert claims == {"sub": "42", "iat": 1000, "exp": 1060, "aud": "gw", "iss": "app"}


def test_tokens_have_different_ids() -> None:
    """Each token can be revoked alone."""
    maker = issuer()

    assert read(maker.create_connection("42"))["jti"] != read(maker.create_connection("42"))["jti"]


def test_token_may_live_for_ever_or_shortly() -> None:
    """A TTL of 0 leaves `exp` out, another replaces the configured one."""
    assert "exp" not in read(issuer().create_connection("42", ttl_seconds=0))
    assert read(issuer().create_connection("42", ttl_seconds=5))["exp"] == 1005
    assert read(issuer().create_connection("42", ttl_seconds=0.2))["exp"] == 1001


def test_further_claims_win() -> None:
    """Any claim can be given, the usual ones too."""
    claims = read(issuer().create_connection("42", claims={"info": {"n": "Zoë"}, "jti": "mine"}))

    assert (claims["info"], claims["jti"]) == ({"n": "Zoë"}, "mine")


def test_subscription_token_names_its_channel() -> None:
    """A subscription token has the channel, and its own rules' key where there are such."""
    own = {"hmac_secret": "b" * 64, "hmac_algorithms": ["HS512"], "audience": "subs"}

    assert read(issuer().create_subscription("42", "$a", claims={"info": 1}))["channel"] == "$a"
    token = issuer(subscription=own).create_subscription("42", "$a")
    assert jwt.get_unverified_header(token)["alg"] == "HS512"
    assert read(token, "b" * 64)["aud"] == "subs"


def test_key_id_goes_into_the_header() -> None:
    """A signing key with an id names itself."""
    token = sign({"sub": "1"}, SigningKey(SECRET.encode(), "HS256", "k1"))

    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": "k1"}


def test_signing_needs_an_hmac_algorithm() -> None:
    """Nothing else is signed here, `none` least of all."""
    with pytest.raises(ValueError, match="HS256"):
        sign({}, SigningKey(b"x", "none"))


@pytest.mark.parametrize(
    "rules",
    [TokenRules(), TokenRules.model_validate({"hmac_secret": "ssh-rsa AAAA"})],
)
def test_issuer_needs_a_secret(rules: TokenRules) -> None:
    """Without a usable secret the setting is named."""
    with pytest.raises(ConfigError, match=r"token\.hmac_secret"):
        signing_key(rules, "token")


def test_signing_key_hides_its_secret() -> None:
    """The secret is in no representation."""
    assert SECRET not in repr(SigningKey(SECRET.encode()))
