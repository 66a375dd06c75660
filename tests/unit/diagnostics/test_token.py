"""Tests of holdfast.diagnostics.token."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from jwt.algorithms import ECAlgorithm

from holdfast.diagnostics.token_places import Presented
from tests.unit.diagnostics.made_tokens import (
    NOW,
    PEM,
    PRIVATE,
    SECRET,
    checks,
    diagnose,
    finding,
    make,
    service,
    settings,
    streamed,
)


def test_run_explains_a_good_token() -> None:
    """Place, verdict, structure, header, claims with their distance, and grants; nothing of the token itself."""
    token = make(iss="app", channels=["news"], custom=1)
    found = diagnose(token)

    assert found.exit_code == 0
    assert finding(found, "accepted").summary.startswith("a valid connection token")
    assert finding(found, "claim_exp").summary.endswith("60 s ahead")
    assert "'custom': not a claim of the gateway" in [one.summary for one in found.findings]
    assert found.facts["grants"]["channels"] == ["news"]
    assert found.facts["answer"] == {"slug": "ok"}
    assert not any(part in repr(found) for part in token.split("."))


@pytest.mark.parametrize(
    ("token", "slug", "number", "action"),
    [
        (make(exp=NOW - 5), "token_expired", 109, "fetch_token"),
        (make(nbf=NOW + 500), "token_not_yet_valid", 109, "fetch_token"),
        (make("x" * 40), "token_wrong_signature", 3500, "stop"),
        (make(exp="soon"), "token_claims", 3500, "stop"),
        ("rubbish", "token_malformed", 3500, "stop"),
        ("a.b.c", "token_not_base64", 3500, "stop"),
        ("undefined", "token_empty", 3501, "stop"),
        (" ", "token_empty", 3501, "stop"),
        (make(channel="news", exp=NOW - 5), "subscription_token_expired", 109, "fetch_token"),
    ],
)
def test_run_says_what_the_gateway_would_answer(token: str, slug: str, number: int, action: str) -> None:
    """Slug, number and what the client does."""
    found = diagnose(token)

    assert found.exit_code == 2
    answer = found.facts["answer"]
    assert (answer["slug"], answer["number"], answer["client"]) == (slug, number, action)
    assert str(number) in finding(found, slug).evidence
    assert finding(found, slug).remedy


@pytest.mark.parametrize(
    ("token", "mistake"),
    [
        (f'"{make()}"', "mistake_quotes"),
        (f"Bearer {make()}", "mistake_prefix"),
        (make().replace(".", "%2E"), "mistake_url_encoded"),
        (make()[:40] + "\n" + make()[40:], "mistake_line_breaks"),
        (make() + "=", "mistake_base64"),
        (json.dumps({"token": make()}), "mistake_whole_answer"),
    ],
)
def test_run_tells_that_the_token_is_good_but_damaged(token: str, mistake: str) -> None:
    """The way spoiled it, and without the damage it would open the door."""
    found = diagnose(token)

    assert finding(found, mistake).severity == "critical"
    assert finding(found, "repaired").summary == "without that the gateway takes it"
    # One fix: what mostly causes the answer is not what caused it here.
    assert finding(found, found.facts["answer"]["slug"]).remedy == f"See {mistake}."


def test_run_tells_damage_and_what_is_wrong_beside_it() -> None:
    """A repaired token may be refused all the same."""
    assert "token_expired" in finding(diagnose(f'"{make(exp=NOW - 9)}"'), "repaired").summary


@pytest.mark.parametrize(
    ("token", "mistake"),
    [
        (make()[:-8], "mistake_truncated"),
        (make(exp=NOW * 1000), "mistake_milliseconds"),
        (make(exp=NOW * 1000, iat=NOW * 1000), "mistake_milliseconds"),
        (make(iss="other"), "claim_iss"),
        (make(iss="https://app.example/"), "mistake_iss_slash"),
        (make(f"{SECRET}\n"), "mistake_signed_with"),
        (make(None, "none"), "mistake_alg_none"),
    ],
)
def test_run_names_mistakes_of_the_issuer(token: str, mistake: str) -> None:
    """What no repair cures is named with what to do."""
    found = diagnose(token, settings(issuer="https://app.example"))

    assert mistake in checks(found, "critical")


def test_run_names_a_mistake_once_that_shows_in_two_claims() -> None:
    """A clock that is ahead puts `iat` and `nbf` into the future."""
    found = diagnose(make(iat=NOW + 600, nbf=NOW + 600, exp=NOW + 900))

    assert finding(found, "token_not_yet_valid").remedy == "See mistake_clock."


def test_run_names_a_token_signed_with_the_public_key() -> None:
    """The classic confusion of algorithms is refused, and told as what it is."""
    from tests.unit.diagnostics.test_token_signer import signed

    found = diagnose(signed(PEM.encode()), settings(hmac_secret="", public_keys=[{"pem": PEM}]))

    assert found.facts["answer"]["slug"] == "token_algorithm"
    assert "PEM" in finding(found, "mistake_signed_with").summary


def test_run_without_any_token() -> None:
    """Missing is missing, with the places that were looked at."""
    found = diagnose(Presented(url="wss://gateway.example/connection/websocket?jwt=x"))

    assert finding(found, "token_missing").severity == "critical"
    assert finding(found, "place_other_query").severity == "critical"
    assert found.facts["source"] == "none"


@pytest.mark.parametrize(
    ("client", "token", "check"),
    [
        ({"allow_anonymous": True}, None, "anonymous"),
        ({"allow_anonymous": True}, "", "anonymous"),
        ({"allow_anonymous": True}, " ", "token_empty"),
        ({"proxy": {"connect": {"enabled": True, "endpoint": "http://backend"}}}, None, "connect_proxy"),
        ({"proxy": {"connect": {"enabled": True, "endpoint": "http://backend"}}}, "", "connect_proxy"),
        ({"proxy": {"connect": {"enabled": True, "endpoint": "http://backend"}}}, "null", "token_empty"),
    ],
)
def test_run_knows_who_is_let_in_without_a_token(client: dict[str, Any], token: str | None, check: str) -> None:
    """Anonymous clients and the connect proxy, as at the door."""
    given = Presented(token=token, url="wss://gateway.example/")

    assert finding(diagnose(given, settings(client=client)), check)


def test_run_leaves_a_forwarded_header_to_the_backend() -> None:
    """With a connect proxy that gets Authorization, the header is no token of ours."""
    proxy = {"connect": {"enabled": True, "endpoint": "http://backend", "http_headers": ["Authorization"]}}
    given = Presented(headers=(("Authorization", f"Bearer {make()}"),))

    assert finding(diagnose(given, settings(client={"proxy": proxy})), "connect_proxy")


def test_run_refuses_the_anonymous_token_where_the_gateway_does() -> None:
    """A rule beside the token's own."""
    found = diagnose(make(sub=""), settings(client={"disallow_anonymous_connection_tokens": True}))

    assert found.facts["answer"]["slug"] == "token_anonymous"
    assert diagnose(make(sub="")).exit_code == 0


def test_run_takes_the_kind_it_is_told() -> None:
    """A connection token used for a subscription is wrong, and the other way round."""
    assert diagnose(make(), kind="subscription").facts["answer"]["slug"] == "subscription_token_claims"
    assert finding(diagnose(make(channel="news")), "grant_channel").severity == "ok"


def test_run_without_input_checks_generation() -> None:
    """Nothing given: can tokens be made at all?"""
    found = diagnose(None)

    assert checks(found, "ok") == ["generation"] * 3


def key_set(*kids: str, status: int = 200) -> httpx.MockTransport:
    """Serve a key set."""
    keys = [json.loads(ECAlgorithm.to_jwk(PRIVATE.public_key())) | {"kid": kid} for kid in kids]
    return httpx.MockTransport(lambda _: streamed(httpx.Response(status, json={"keys": keys})))


JWKS = settings(hmac_secret="", jwks={"url": "http://keys.example/jwks"})


def test_run_fetches_the_key_of_an_unknown_id() -> None:
    """As the token's use would."""
    found = asyncio.run(service(JWKS, key_set("k1")).run(Presented(token=make(PRIVATE, "ES256", {"kid": "k1"}))))

    assert found.exit_code == 0
    assert finding(found, "key_set").severity == "ok"


def test_run_of_a_rotated_key_shows_the_key_set() -> None:
    """An id that is not in the set."""
    found = asyncio.run(service(JWKS, key_set("k2")).run(Presented(token=make(PRIVATE, "ES256", {"kid": "k1"}))))

    assert found.facts["answer"]["slug"] == "token_unknown_key"
    assert "1 key(s)" in finding(found, "key_set").evidence


def test_run_cannot_tell_without_the_key_set() -> None:
    """Where no key could be fetched there is no verdict, but there is one on what needs no key."""
    broken = key_set(status=404)
    found = asyncio.run(service(JWKS, broken).run(Presented(token=make(PRIVATE, "ES256", {"kid": "k1"}))))

    assert found.exit_code == 4
    assert asyncio.run(service(JWKS, broken).run(Presented(token="rubbish"))).exit_code == 2


def test_examine_gives_report_and_mistakes() -> None:
    """What `holdfast token check` prints."""
    report, mistakes = service().examine(f'"{make()}"')

    assert report.slug == "token_not_base64"
    assert [one.check for one in mistakes] == ["mistake_quotes", "repaired"]
