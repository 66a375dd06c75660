"""Secrets are judged by name, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificates import DAY, Contents, write_certificate
from tests.scripts.collection import plugin

secrets = plugin("filter.secrets")
GOOD = {"token_hmac_secret": "0123456789abcdef" * 3, "api_key": "a-key-of-this-length"}


def test_good_secrets_have_no_faults() -> None:
    """Long enough, and no placeholder."""
    assert not secrets.secret_faults(GOOD, list(GOOD))


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({}, "api_key is missing"),
        ({"api_key": "short-9"}, "api_key has 7 bytes, expected at least 16"),
        ({"api_key": "aaaaaaaaaaaaaaaaaaaa"}, "api_key is a placeholder"),
        ({"api_key": "one-line\nand-another-one"}, "api_key has a line break or another control character"),
        ({"api_key": "$ANSIBLE_VAULT;1.1;AES256"}, "api_key is still encrypted: give the vault's password"),
    ],
)
def test_fault_names_the_secret_and_not_its_value(given: dict[str, str], fault: str) -> None:
    """Each fault says which secret it is and what is wrong."""
    said = secrets.secret_faults(given, ["api_key"])

    assert said == [fault]
    assert not any(value in said[0] for value in given.values())


def test_unknown_name_is_a_fault() -> None:
    """A misspelt secret is not left out in silence."""
    assert "admin_tokn is none of" in secrets.secret_faults({"admin_tokn": "x" * 20}, [])[0]


def test_file_survives_quotes_and_backslashes() -> None:
    """Systemd reads what was given, whatever characters it has."""
    text = secrets.environment_file({"HOLDFAST_ADMIN__TOKEN": 'a"b\\c $d #e'})

    assert text == 'HOLDFAST_ADMIN__TOKEN="a\\"b\\\\c $d #e"\n'


def test_variables_are_the_gateways() -> None:
    """Names of the inventory become variables of the gateway; others go through as they are."""
    given = GOOD | {"redis_password": "p" * 16, "environment": {"HOLDFAST_AUTH__USERS_URL": "url"}}

    assert secrets.secret_variables(given, True) == {
        "HOLDFAST_TOKEN__HMAC_SECRET": GOOD["token_hmac_secret"],
        "HOLDFAST_API__KEYS": '["a-key-of-this-length"]',
        "HOLDFAST_BROKER__REDIS__PASSWORD": "p" * 16,
        "HOLDFAST_BROKER__REDIS__SENTINEL_PASSWORD": "p" * 16,
        "HOLDFAST_AUTH__USERS_URL": "url",
    }


@pytest.mark.parametrize(
    "value", ["with a space in it", 'with-a-"quote-in-it', "mit-einem-ü-darin", "a-back\\slash-in-it"]
)
def test_password_that_redis_files_cannot_hold_is_a_fault(value: str) -> None:
    """Sentinel writes passwords without quotes: such a one would stop its next start."""
    said = secrets.secret_faults({"redis_password": value}, [])

    assert len(said) == 1
    assert said[0].startswith("redis_password has a character")


def pair(folder: Path, contents: Contents | str = "gateway.test") -> dict[str, str]:
    """Return a certificate with its key."""
    folder.mkdir()
    certificate, key = write_certificate(folder, contents)
    return {"certificate": certificate.read_text(), "certificate_key": key.read_text()}


def test_certificate_is_judged_with_its_key(tmp_path: Path) -> None:
    """Missing, none, of another, too late, too early: each in a sentence without any of them."""
    good, other = pair(tmp_path / "a"), pair(tmp_path / "b")
    old = pair(tmp_path / "c", Contents(starts=-2 * DAY, ends=-DAY))
    early = pair(tmp_path / "d", Contents(starts=DAY, ends=2 * DAY))
    cases = [
        ({}, ""),
        (good, ""),
        ({"certificate": good["certificate"]}, "certificate_key is missing"),
        ({"certificate_key": good["certificate_key"]}, "certificate is missing"),
        (good | {"certificate": "none"}, "certificate holds no certificate"),
        (good | {"certificate_key": "none"}, "certificate_key holds no key"),
        (good | {"certificate_key": other["certificate_key"]}, "is the key of another certificate"),
        (old, "certificate ended on"),
        (early, "certificate begins on"),
    ]

    for given, said in cases:
        faults = "; ".join(secrets.secret_faults(GOOD | given, []))
        assert bool(faults) == bool(said)
        assert said in faults
    assert not set(good) & set(secrets.secret_variables(good))


def test_password_of_redis_is_needed_where_there_is_one() -> None:
    """A gateway with the embedded broker has nobody to sign in to."""
    alone, joined = secrets.usual_secrets([]), secrets.usual_secrets(["redis1"])

    assert set(joined) - set(alone) == {"redis_password"}
    assert set(alone) == {"token_hmac_secret", "api_key", "admin_token"}
