from __future__ import annotations

import math
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.auth.configured import configured_keys, parse_moment
from holdfast.errors import ConfigError
from holdfast.settings import TokenRules


@pytest.fixture(scope="module")
def pem() -> str:
    """A public key in PEM."""
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_keys_of_every_setting(pem: str, tmp_path: Path) -> None:
    """Secret, previous secrets and public keys all become keys, the current secret first."""
    file = tmp_path / "key.pem"
    file.write_text(pem)
    rules = TokenRules.model_validate(
        {
            "hmac_secret": "x" * 40,
            "previous_keys": [{"secret": "y" * 40, "kid": "old", "valid_until": "2030-01-01T00:00:00Z"}],
            "public_keys": [{"pem": pem, "kid": "p"}, {"file": file}],
        }
    )
    keys, warnings = configured_keys(rules)

    assert [(key.origin, key.kid) for key in keys] == [
        ("static", ""),
        ("previous", "old"),
        ("static", "p"),
        ("static", ""),
    ]
    assert keys[1].valid_until == 1893456000.0
    assert list(keys[3].verifiers) == ["EdDSA"]
    assert warnings == ()


def test_short_secrets_are_warned_of() -> None:
    """Secrets below 32 bytes work, and the operator is told which they are without seeing them."""
    rules = TokenRules.model_validate({"hmac_secret": "hunter2", "previous_keys": [{"secret": "hunter1"}]})
    keys, warnings = configured_keys(rules, "token.subscription")

    assert len(keys) == 2
    assert len(warnings) == 2
    assert warnings[0].startswith("token.subscription.hmac_secret: 7 bytes")
    assert "hunter" not in "".join(warnings)


def test_faults_are_reported_together(pem: str, tmp_path: Path) -> None:
    """Each key that cannot be used is named by its setting, with the reason and without the secret."""
    rules = TokenRules.model_validate(
        {
            "hmac_secret": '{"kty":"oct","k":"c2VjcmV0"}',
            "previous_keys": [{"secret": "ssh-rsa topsecret" * 5}],
            "public_keys": [
                {},
                {"pem": pem, "file": tmp_path / "x"},
                {"file": tmp_path / "absent.pem"},
                {"pem": "rubbish"},
                {"pem": pem, "algorithm": "RS256"},
            ],
        }
    )
    with pytest.raises(ConfigError) as error:
        configured_keys(rules)

    names = [fault.partition(":")[0] for fault in error.value.faults]
    assert names == ["token.hmac_secret", "token.previous_keys[0]"] + [f"token.public_keys[{i}]" for i in range(5)]
    assert "topsecret" not in str(error.value)
    assert "c2VjcmV0" not in str(error.value)


def test_no_keys_at_all() -> None:
    """Nothing configured is no fault here; every token is then of an unknown key."""
    assert configured_keys(TokenRules()) == ((), ())


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", math.inf),
        ("1970-01-02", 86400.0),
        ("1970-01-01T00:00:10", 10.0),
        ("1970-01-01T01:00:10+01:00", 10.0),
        ("1970-01-01T00:00:10Z", 10.0),
    ],
)
def test_parse_moment(text: str, moment: float) -> None:
    """ISO 8601 with or without zone; UTC where it names none."""
    assert parse_moment(text) == moment


def test_parse_moment_refuses_other_texts() -> None:
    """The message shows the form that is expected."""
    with pytest.raises(ValueError, match="2030-01-31T12:00:00Z"):
        parse_moment("soon")


def test_keys_of_a_file(tmp_path: Path) -> None:
    """They follow those of the settings; a file that cannot be used is a fault by its setting's name."""
    file = tmp_path / "keys.json"
    file.write_text('{"keys": [{"kid": "a", "secret": "%s", "valid_until": "2030-01-01T00:00:00Z"}]}' % ("a" * 40))
    rules = TokenRules.model_validate({"hmac_secret": "x" * 40, "keys_file": file})
    keys = configured_keys(rules).keys
    assert [(key.origin, key.kid) for key in keys] == [("static", ""), ("file", "a")]
    assert keys[1].valid_until == parse_moment("2030-01-01T00:00:00Z")

    for text, what in (("{", "keys_file"), ('{"keys": [{"kid": "a", "secret": ""}]}', "keys_file: 'a'")):
        file.write_text(text)
        with pytest.raises(ConfigError, match=what):
            configured_keys(rules)
    file.unlink()
    with pytest.raises(ConfigError, match=r"token\.keys_file: cannot read"):
        configured_keys(rules)
