"""The browser client and the gateway give the same token the same slug."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

from holdfast.auth.claims import decode_connection, decode_subscription
from holdfast.auth.keys import KeyRing, hmac_key
from holdfast.auth.report import Checks, describe_token
from holdfast.auth.revocation import RevocationList
from holdfast.auth.verifier import Rules, TokenVerifier
from tests.parts import require

HERE = Path(__file__).parent
NOW = 1_800_000_000
PROGRAM = """
import { tokenFault } from '../../app/holdfast/web/client/tokens/check.js';
const { tokens, now } = JSON.parse(process.argv[1]);
console.log(JSON.stringify(tokens.map((token) => tokenFault(token, now)?.slug ?? null)));
"""


def segment(text: str) -> str:
    """Encode one part of a token."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def jwt(payload: str, header: str = '{"alg":"HS256"}') -> str:
    """Return a token with a signature that fits nothing."""
    return f"{segment(header)}.{segment(payload)}.{segment('signature')}"


TOKENS = {
    "": "token_empty",
    " \t": "token_empty",
    "null": "token_empty",
    "undefined": "token_empty",
    "abc": "token_malformed",
    "a.b": "token_malformed",
    "a.b.c.d": "token_malformed",
    "<html>": "token_malformed",
    "tökén": "token_not_base64",
    jwt("{}") + "=": "token_not_base64",
    "Bearer " + jwt("{}"): "token_not_base64",
    jwt("{}", "[]"): "token_malformed",
    jwt("{}", "{"): "token_malformed",
}
# What only a key can tell, or a signature comes before at the gateway: the client lets the first pass.
BY_THE_CLIENT_ALONE = {
    jwt('{"sub":"anna"}'): None,
    jwt("[]"): "token_malformed",
    jwt(json.dumps({"exp": "soon"})): "token_claims",
    jwt(json.dumps({"exp": NOW - 60})): "token_expired",
    jwt(json.dumps({"nbf": NOW + 3600})): "token_not_yet_valid",
}


def by_the_gateway(token: str) -> str:
    """Return the slug of the gateway's verdict."""
    ring, rules = KeyRing([hmac_key(b"secret" * 8, ["HS256"])]), Rules()
    checks = Checks(
        TokenVerifier(rules, ring, decode_connection),
        TokenVerifier(rules, ring, decode_subscription),
        RevocationList(),
    )
    return describe_token(token, checks, NOW, "connection").slug


def test_token_faults_are_those_of_the_gateway() -> None:
    """Whatever needs no key is called the same before a connection as after one."""
    require("node")
    tokens = [*TOKENS, *BY_THE_CLIENT_ALONE]

    given = json.dumps({"tokens": tokens, "now": NOW})
    command = ["node", "--input-type=module", "--eval", PROGRAM, given]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60, check=True)

    assert dict(zip(tokens, json.loads(done.stdout), strict=True)) == TOKENS | BY_THE_CLIENT_ALONE
    assert {token: by_the_gateway(token) for token in TOKENS} == TOKENS
