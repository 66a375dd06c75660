"""Tests of holdfast.diagnostics.token_signer."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from holdfast.auth.keys import hmac_sign
from holdfast.diagnostics.token_signer import signer_of
from tests.unit.diagnostics.made_tokens import PEM, SECRET, make, settings

HEX = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"


def signed(secret: bytes) -> str:
    """Sign by hand: PyJWT refuses the keys that people mix up."""
    signing_input = make().rpartition(".")[0]
    signature = base64.urlsafe_b64encode(hmac_sign(secret, "HS256", signing_input.encode())).rstrip(b"=").decode()
    return f"{signing_input}.{signature}"


@pytest.mark.parametrize(
    ("secret", "given", "words"),
    [
        (f"{SECRET}\n".encode(), {}, "line break"),
        (SECRET.encode(), {"hmac_secret": f" {SECRET} "}, "without the blanks"),
        (base64.b64encode(SECRET.encode()), {}, "encoded as base64"),
        (
            base64.b64decode("c2VjcmV0LXNlY3JldC1zZWNyZXQ="),
            {"hmac_secret": "c2VjcmV0LXNlY3JldC1zZWNyZXQ="},
            "from base64 first",
        ),
        (bytes.fromhex(HEX), {"hmac_secret": HEX}, "from hexadecimal"),
        (b"", {}, "an empty secret"),
        (b"the-api-key", {"api": {"keys": ["the-api-key"]}}, "api.keys[0]"),
        (PEM.encode(), {"public_keys": [{"pem": PEM}]}, "PEM of token.public_keys[0]"),
        (PEM.strip().encode(), {"public_keys": [{"pem": PEM}]}, "PEM"),
        (b"the-other-secret", {"subscription": {"hmac_secret": "the-other-secret"}}, "token.subscription.hmac_secret"),
        (b"an-old-secret", {"previous_keys": [{"secret": "an-old-secret", "kid": "old"}]}, "token.previous_keys[0]"),
    ],
)
def test_signer_names_the_key_that_was_mixed_up(secret: bytes, given: dict[str, Any], words: str) -> None:
    """By the setting's name and how it was read, never by its value."""
    name = signer_of(signed(secret), settings(**given))

    assert words in name
    assert secret.decode("latin-1") not in name or not secret


def test_signer_reads_key_files(tmp_path: Path) -> None:
    """A public key may stand in a file; one that is gone is none."""
    file = tmp_path / "key.pem"
    file.write_text(PEM)
    loaded = settings(public_keys=[{"file": str(file)}])

    assert "PEM" in signer_of(signed(PEM.encode()), loaded)
    file.unlink()
    assert signer_of(signed(PEM.encode()), loaded) == ""


@pytest.mark.parametrize("token", ["", "a.b.c", "rubbish", "eyJhbGciOiJIUzI1NiJ9.e30.", signed(b"a stranger's")])
def test_signer_of_strangers_is_nobody(token: str) -> None:
    """Nothing is claimed without proof."""
    assert signer_of(token, settings()) == ""


def test_signer_leaves_public_algorithms_alone() -> None:
    """What is not HMAC is not tried."""
    from tests.unit.diagnostics.made_tokens import PRIVATE

    assert signer_of(make(PRIVATE, "ES256"), settings()) == ""
