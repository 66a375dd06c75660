"""`holdfast diagnose` against a real gateway, a real login and a real key set."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.backends import Backend, drip, respond, say
from tests.gateway import ADMIN_TOKEN, API_KEY, SECRET, Gateway
from tests.integration.test_cli import HOLDFAST, environment, holdfast
from tests.raw_client import RawClient

PASSWORD = "correct-horse-battery"


def at(gateway: Gateway) -> tuple[str, ...]:
    """Return the options that name a gateway."""
    return "--url", gateway.internal_url, "--admin-token", ADMIN_TOKEN


def diagnosis(*arguments: str, **extra: str) -> dict[str, Any]:
    """Run a diagnosis and return it; the exit code is the one that it says."""
    ended = holdfast("diagnose", *arguments, "--json", **extra)
    found: dict[str, Any] = json.loads(ended.stdout)
    assert ended.returncode == found["exit_code"], ended.stderr
    return found


def at_the_door(gateway: Gateway, command: str, query: str = "") -> tuple[int, str]:
    """Send one command on a new connection and return the number and slug of the refusal; 0 and "ok" without one."""
    with connect(f"{gateway.ws_url}{query}", proxy=None) as socket:
        socket.send(command)
        try:
            error = json.loads(socket.recv(20)).get("error", {"code": 0, "message": "ok"})
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
        return error["code"], error["message"]


def checks(found: dict[str, Any]) -> dict[str, str]:
    """Return the severity of each check."""
    return {one["check"]: one["severity"] for one in found["findings"]}


# Tokens.


@pytest.mark.parametrize(("ttl", "slug", "code"), [(3600, "ok", 0), (-60, "token_expired", 2)], ids=["good", "expired"])
def test_token_is_explained_by_the_gateway(gateway: Gateway, ttl: float, slug: str, code: int) -> None:
    """The same verdict as at the door, and the token in no log line of the gateway."""
    token = gateway.token("diagnosed", ttl=ttl)
    found = diagnosis("token", token, *at(gateway))

    assert (found["facts"]["answer"]["slug"], found["exit_code"]) == (slug, code)
    assert found["facts"]["grants"]["user_limited"][0] == "*#diagnosed"
    assert not any(part in gateway.log() for part in token.split(".")[1:])


@pytest.mark.parametrize("how", ["quotes", "secret", "milliseconds", "url_encoded"])
def test_token_verdict_is_the_one_at_the_door(gateway: Gateway, how: str) -> None:
    """What the diagnosis says the gateway answers is what it answers a client."""
    tokens = {
        "quotes": f'"{gateway.token("door")}"',
        "secret": jwt.encode({"sub": "door"}, SECRET + "\n", "HS256"),
        "milliseconds": gateway.token("door", exp=int(time.time() * 1000)),
        "url_encoded": gateway.token("door").replace(".", "%2E"),
    }
    found = diagnosis("token", tokens[how], *at(gateway))
    answered = at_the_door(gateway, json.dumps({"id": 1, "connect": {"token": tokens[how]}}))

    assert (found["facts"]["answer"]["number"], found["facts"]["answer"]["slug"]) == answered
    assert any(check.startswith("mistake_") for check in checks(found))


def test_token_generation_is_checked_by_the_gateway(gateway: Gateway) -> None:
    """With the keys that it has."""
    assert set(checks(diagnosis("token", *at(gateway))).values()) == {"ok"}


def test_token_needs_the_admin_token(gateway: Gateway) -> None:
    """Without it, and with a wrong one, the gateway refuses to tell, which is no verdict on the token."""
    for word in ("", "wrong"):
        refused = holdfast("diagnose", "token", "x", "--url", gateway.internal_url, "--admin-token", word)
        assert refused.returncode == 4
        assert "admin_token_" in refused.stderr


# Logins.


@pytest.mark.parametrize(
    ("answer", "check", "severity"),
    [
        ("fine", "login", "ok"),
        (say({"error": "no"}, 401), "login_refused", "critical"),
        (respond(b"<!doctype html><p>Welcome</p>"), "login_not_json", "critical"),
        (say({"token": "", "expires_in": 60}), "login_token_empty", "critical"),
        (say({"access_token": "x"}), "login_no_token", "critical"),
        (respond(b'{"token": "' + b"x" * 200_000 + b'"}'), "login_too_large", "critical"),
        (drip, "login_slow", "critical"),
    ],
    ids=["fine", "refused", "page", "empty", "another_name", "too_large", "slow"],
)
def test_login_is_judged(
    gateway: Gateway, backend: Backend, tmp_path: Path, answer: Any, check: str, severity: str
) -> None:
    """A login that is fine, and each way in which one is not; the password is printed nowhere."""
    token = gateway.token("loggedin", ttl=60, iat=int(time.time()))
    backend.answers["/login"] = say({"token": token, "expires_in": 60}) if answer == "fine" else answer
    config = tmp_path / "holdfast.yaml"
    config.write_text(yaml.safe_dump({"token": {"hmac_secret": SECRET}}))
    began = time.monotonic()
    ended = subprocess.run(
        [HOLDFAST, "diagnose", "token", "--login", backend.url("/login"), "--user", "anna", "--password-stdin",
         "--json", "--config", config],
        input=f"{PASSWORD}\n", capture_output=True, text=True, env=environment(), timeout=60, check=False,
    )  # fmt: skip
    found = json.loads(ended.stdout)

    assert checks(found)[check] == severity
    assert ended.returncode == (0 if severity == "ok" else 2)
    assert PASSWORD not in ended.stdout + ended.stderr
    assert time.monotonic() - began < 30
    assert ("accepted" in checks(found)) == (answer == "fine")


# Key sets.


def key(number: int) -> ec.EllipticCurvePrivateKey:
    """Make a private key."""
    return ec.derive_private_key(number, ec.SECP256R1())


def key_set(**kids: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    """Make a key set of public keys."""
    return {"keys": [json.loads(ECAlgorithm.to_jwk(one.public_key())) | {"kid": kid} for kid, one in kids.items()]}


def test_rotated_key_is_told_from_settings_alone(backend: Backend, tmp_path: Path) -> None:
    """Before, after and without the key set: valid, unknown, cannot tell."""
    config = tmp_path / "holdfast.yaml"
    config.write_text(yaml.safe_dump({"token": {"jwks": {"url": backend.url("/keys"), "timeout": 1}}}))
    token = jwt.encode({"sub": "rotated"}, key(7), "ES256", headers={"kid": "old"})
    backend.answers["/keys"] = say(key_set(old=key(7)))
    before = diagnosis("token", token, "--config", str(config))
    backend.answers["/keys"] = say(key_set(new=key(9)))
    after = diagnosis("token", token, "--config", str(config))
    backend.answers["/keys"] = say({}, 404)
    without = diagnosis("token", token, "--config", str(config))

    assert [one["exit_code"] for one in (before, after, without)] == [0, 2, 4]
    assert after["facts"]["answer"]["slug"] == "token_unknown_key"
    assert checks(without)["key_set"] == "unknown"


def test_rotated_key_is_fetched_by_the_running_gateway(backend: Backend, start_gateway: Any) -> None:
    """The gateway fetches for an unknown key id, as the token's use would make it do."""
    backend.answers["/keys"] = say(key_set(old=key(7)))
    gateway = start_gateway({"token": {"jwks": {"url": backend.url("/keys"), "min_interval": 1}}})
    gateway.wait_for_event("key_set_fetched")
    backend.answers["/keys"] = say(key_set(new=key(9)))
    token = jwt.encode({"sub": "rotated"}, key(9), "ES256", headers={"kid": "new"})
    deadline = time.monotonic() + 20
    while (found := diagnosis("token", token, *at(gateway)))["exit_code"] and time.monotonic() < deadline:
        time.sleep(0.2)

    assert found["facts"]["answer"] == {"slug": "ok"}
    assert checks(found)["key_set"] == "ok"


# Resources.


def test_resources_are_those_of_the_gateway(start_gateway: Any) -> None:
    """Its process, its connections, the backlog that the kernel granted it, and which limit comes first."""
    gateway = start_gateway({"admission": {"max_connections": 50}, "http": {"backlog": 77}})
    client = RawClient(gateway, "resources")
    found = diagnosis("resources", *at(gateway))
    client.close()

    facts = found["facts"]
    assert facts["process"]["pid"] == gateway.pid
    assert facts["connections"] == 1
    assert (facts["first_limit"], facts["more_connections"]) == ("max_connections", 49)
    assert [(one["port"], one["backlog"]) for one in facts["listeners"]] == [(gateway.port, 77)]
    limits = Path(f"/proc/{gateway.pid}/limits").read_text()
    assert str(facts["process"]["open_files"][0]) in limits
    assert facts["process"]["descriptors"] >= len(os.listdir(f"/proc/{gateway.pid}/fd")) - 3


def test_resources_of_a_process(start_gateway: Any) -> None:
    """By its id, without asking it."""
    gateway = start_gateway()
    found = diagnosis("resources", "--pid", str(gateway.pid))

    assert found["facts"]["process"]["pid"] == gateway.pid
    assert found["facts"]["listeners"][0]["port"] == gateway.port
    assert checks(found)["process"] == "ok"


# All, and the bundle.


def test_all_runs_every_service(gateway: Gateway) -> None:
    """One after the other, the worst decides."""
    found = json.loads(holdfast("diagnose", "all", "--json", *at(gateway)).stdout)

    assert [one["service"] for one in found["diagnoses"]][:2] == ["token", "resources"]


def test_bundle_has_no_secret_of_a_gateway_in_use(start_gateway: Any, tmp_path: Path) -> None:
    """After connects, refusals and API calls no secret and no token is in it, and it says what it lacks."""
    gateway = start_gateway()
    tokens = [gateway.token("bundled"), gateway.token("bundled", ttl=-60), jwt.encode({"sub": "x"}, "y" * 40, "HS256")]
    for token in tokens:
        at_the_door(gateway, '{"id": 1, "connect": {}}', f"?token={token}")
        holdfast("diagnose", "token", token, *at(gateway))
    httpx.get(f"{gateway.internal_url}/admin/diagnostics/token?token={tokens[0]}", trust_env=False)
    path = tmp_path / "bundle.tar.gz"
    config = gateway.folder / "holdfast.yaml"
    ended = holdfast("diagnose", "bundle", "--output", str(path), "--config", str(config), *at(gateway))
    with tarfile.open(path) as archive:
        files = {one.name.partition("/")[2]: archive.extractfile(one).read().decode() for one in archive}  # type: ignore[union-attr]  # files alone

    assert ended.returncode == 0, ended.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "holdfast_token_validations_total" in files["metrics.txt"]
    assert json.loads(files["diagnoses/resources.json"])["facts"]["process"]["pid"] == gateway.pid
    assert "token_wrong_signature" in files["admin/attempts.json"]
    assert '"bundled"' in files["admin/connections.json"]
    secrets = {SECRET, API_KEY, ADMIN_TOKEN, *tokens, *(part for token in tokens for part in token.split(".")[1:])}
    assert not [(name, secret) for name, text in files.items() for secret in secrets if secret in text]
