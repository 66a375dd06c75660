from __future__ import annotations

from typing import Any

import pytest

from holdfast.settings import Settings
from holdfast.settings_auth_checks import check_auth

SECRET = "s" * 32


def faults(auth: dict[str, Any], secret: str = SECRET) -> list[str]:
    """Return the keys that the faults of these settings are about."""
    given = {"token": {"hmac_secret": secret}, "auth": {"enabled": True, "users_path": "users.sqlite", **auth}}
    return [" ".join(fault.keys) for fault in check_auth(Settings.model_validate(given))]


def test_usable_settings_have_no_fault() -> None:
    """A file for the users and a secret to sign with are enough."""
    assert faults({}) == []
    assert faults({"users_path": None, "users_url": "postgresql://u:p@db.example:5432/holdfast"}) == []


def test_login_that_is_off_is_not_judged() -> None:
    """Whatever stands beside it."""
    assert faults({"enabled": False, "users_path": None}, secret="") == []


@pytest.mark.parametrize(
    ("auth", "about"),
    [
        ({"users_path": None}, "auth.users_path auth.users_url"),
        ({"users_url": "postgresql://db/x"}, "auth.users_path auth.users_url"),
        ({"users_path": None, "users_url": "mysql://db/x"}, "auth.users_url"),
        ({"users_path": None, "users_url": "postgresql://db:port/x"}, "auth.users_url"),
        ({"users_path": None, "users_url": "postgresql://db"}, "auth.users_url"),
        ({"idle_lifetime": 600, "access_ttl": 600}, "auth.idle_lifetime auth.access_ttl"),
        ({"absolute_lifetime": 3600}, "auth.absolute_lifetime auth.idle_lifetime"),
        ({"lockout": {"first": 60, "longest": 30}}, "auth.lockout.longest auth.lockout.first"),
        ({"lockout": {"account_failures": 3}}, "auth.lockout.account_failures auth.lockout.failures"),
        ({"allowed_origins": ["https://*.example"]}, "auth.allowed_origins"),
    ],
)
def test_impossible_combination_is_a_fault(auth: dict[str, Any], about: str) -> None:
    """Each says which keys it is about."""
    assert faults(auth) == [about]


@pytest.mark.parametrize("secret", ["", "short"])
def test_secret_has_to_be_long_enough(secret: str) -> None:
    """Who guesses it can be anybody."""
    assert faults({}, secret=secret) == ["auth.enabled token.hmac_secret"]
