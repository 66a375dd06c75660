"""Faults of connection tokens, and of the clocks and keys behind them; half go through each proxy."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.faults.fault import Fault, Provoke, at, probed
from tests.faults.issuer import TEN_MINUTES
from tests.faults.lab import Lab
from tests.faults.observers import Evidence
from tests.gateway import ADMIN_TOKEN

_DOORS = ("plain", "nginx_plain", "tls", "nginx_tls")


def _refused(slug: str, name: str, token: Callable[[Lab], str]) -> Fault:
    """Return the fault of a token that the main gateway refuses."""

    @contextmanager
    def provoke(lab: Lab) -> Iterator[Evidence]:
        door = _DOORS[sum(name.encode()) % len(_DOORS)]
        yield probed(lab, lab.main, lab.url(door), "--token", token(lab))

    return Fault(name, slug, provoke)


def _as_claimed(slug: str, name: str, **claims: Any) -> Fault:
    return _refused(slug, name, lambda lab: lab.issuer.token(**claims))


def _broken(change: Callable[[list[str]], list[str]]) -> Callable[[Lab], str]:
    """Return what makes a good token and changes its three parts."""
    return lambda lab: ".".join(change(lab.issuer.token().split(".")))


def _unsigned(parts: list[str]) -> list[str]:
    """Say that the token is not signed, and leave the signature out."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    return [header, parts[1], ""]


def _revoked(name: str, slug: str, what: str) -> Fault:
    """Return the fault of a token that was good until an operator revoked it or its user."""

    @contextmanager
    def provoke(lab: Lab) -> Iterator[Evidence]:
        user, jti = f"user-{secrets.token_hex(4)}", secrets.token_hex(8)
        token = lab.issuer.token(user, jti=jti)
        assert lab.probe(lab.url("plain"), "--token", token)["verdict"] == "ok"
        request = {"user": user} if what == "user" else {"jti": jti}
        answer = httpx.post(
            f"{lab.main.internal_url}/admin/revocations",
            json=request, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}, trust_env=False, timeout=30,
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        yield probed(lab, lab.main, lab.url("nginx_plain"), "--token", token)

    return Fault(name, slug, provoke)


def _rotated() -> Provoke:
    """Return a rotation of which the key endpoint does not know yet."""

    @contextmanager
    def provoke(lab: Lab) -> Iterator[Evidence]:
        assert lab.probe(lab.url("tls"), "--token", lab.issuer.signed("first"))["verdict"] == "ok"
        lab.issuer.rotate("next", is_served=False)
        yield probed(lab, lab.main, lab.url("tls"), "--token", lab.issuer.signed("next"))

    return provoke


FAULTS = (
    Fault("No token", "token_missing", at(lambda lab: lab.url("plain"))),
    *(
        _refused("token_empty", f"An empty token: {name}", lambda lab, text=text: text)  # type: ignore[misc]  # bound now
        for name, text in (('""', ""), ("`null`", "null"), ("`undefined`", "undefined"), ("blanks", "   "))
    ),
    _refused("token_malformed", "A token cut short", _broken(lambda parts: parts[:2])),
    _refused("token_malformed", "Something else as a token", lambda lab: "session-4711"),
    _refused("token_not_base64", "A token changed on its way", _broken(lambda parts: [*parts[:2], parts[2] + "%3D"])),
    _as_claimed("token_wrong_signature", "A token of another secret", secret="another secret " * 5),
    _refused("token_algorithm", "An unsigned token", _broken(_unsigned)),
    _as_claimed("token_audience", "A token for another audience", aud="another"),
    _as_claimed("token_issuer", "A token of another issuer", iss="https://another.test"),
    _as_claimed("token_claims", "A claim of a wrong type", channels="news"),
    _as_claimed("token_expired", "An expired token", skew_seconds=-TEN_MINUTES * 6),
    _as_claimed("token_not_yet_valid", "A token from tomorrow", nbf=4_000_000_000, exp=4_100_000_000),
    _as_claimed("token_anonymous", "A token that names no user", user=""),
    _as_claimed("token_expired", "The issuer's clock is ten minutes behind", skew_seconds=-TEN_MINUTES),
    _as_claimed("token_not_yet_valid", "The issuer's clock is ten minutes ahead", skew_seconds=TEN_MINUTES),
    Fault("A new key that the gateway cannot know yet", "token_unknown_key", _rotated()),
    _revoked("A revoked token", "token_revoked", "jti"),
    _revoked("A revoked user", "user_revoked", "user"),
)  # fmt: skip
