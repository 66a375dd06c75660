"""Judge secrets by name before anything is changed, and write them as systemd reads them. Runs on the controller."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

DOCUMENTATION = r"""
name: secret_faults
author: Holdfast contributors
version_added: 0.1.0
short_description: Name secrets that are missing or no good
description:
  - Returns one sentence for each fault. No sentence holds a secret.
positional: _input, needed
options:
  _input:
    description: The secrets by name.
    type: dict
    required: true
  needed:
    description: Names that must be there.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Judge the secrets
  ansible.builtin.assert:
    that: holdfast_secrets | holdfast.gateway.secret_faults(['admin_token']) | length == 0
"""

RETURN = r"""
_value:
  description: The faults.
  type: list
  elements: str
"""

LEAST_BYTES = {
    "token_hmac_secret": 32,
    "api_key": 16,
    "admin_token": 16,
    "redis_password": 16,
    "redis_admin_password": 16,
}
# Redis and Sentinel write them into their files as they are, without quotes.
BARE = ("redis_password", "redis_admin_password")
UNFIT = re.compile(r"""[^!-~]|["'\\]""")

PEM = ("certificate", "certificate_key")
PLACEHOLDERS = ("changeme", "change-me", "example", "password", "secret", "todo", "xxx")
VARIABLES = {
    "token_hmac_secret": "HOLDFAST_TOKEN__HMAC_SECRET",
    "admin_token": "HOLDFAST_ADMIN__TOKEN",
    "redis_password": "HOLDFAST_BROKER__REDIS__PASSWORD",
}


def usual_secrets(redis: list[str]) -> list[str]:
    """Return the names that must be there for a gateway; that of Redis where there is one."""
    return ["token_hmac_secret", "api_key", "admin_token", *(["redis_password"] if redis else [])]


def secret_faults(secrets: dict, needed: list[str]) -> list[str]:
    """Return a sentence for each secret that is missing or no good."""
    known = {name: str(value) for name, value in (secrets or {}).items() if name != "environment"}
    known_names = (*LEAST_BYTES, *PEM)
    faults = [f"{name} is missing" for name in needed if not known.get(name)]
    faults += [f"{name} is none of the secrets {', '.join(known_names)}" for name in known if name not in known_names]
    for name, least in LEAST_BYTES.items():
        text = known.get(name, "")
        if not text:
            continue
        if any(ord(letter) < 32 for letter in text):
            faults.append(f"{name} has a line break or another control character")
        elif len(text.encode()) < least:
            faults.append(f"{name} has {len(text.encode())} bytes, expected at least {least}")
        elif name in BARE and UNFIT.search(text):
            faults.append(
                f"{name} has a character that Redis' files cannot hold: expected ASCII without spaces, quotes and \\"
            )
        elif text.startswith("$ANSIBLE_VAULT"):
            faults.append(f"{name} is still encrypted: give the vault's password")
        elif text.lower().strip("<>") in PLACEHOLDERS or len(set(text)) < 4:
            faults.append(f"{name} is a placeholder")
    return faults + certificate_faults(secrets)


def certificate_faults(secrets: dict, now: datetime | None = None) -> list[str]:
    """Return what is wrong with a certificate and its key, both in PEM; never any of them. Neither of both is fine."""
    certificate, key = (str((secrets or {}).get(name) or "") for name in PEM)
    if not certificate and not key:
        return []
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    now = now or datetime.now(UTC)
    faults, first, own = [], None, None
    try:
        first = x509.load_pem_x509_certificates(certificate.encode())[0]
    except (ValueError, IndexError):
        faults.append("certificate is missing" if not certificate else "certificate holds no certificate in PEM")
    try:
        own = serialization.load_pem_private_key(key.encode(), None)
    except TypeError:
        faults.append("certificate_key has a passphrase, which HAProxy could ask nobody for")
    except ValueError:
        faults.append("certificate_key is missing" if not key else "certificate_key holds no key in PEM")
    if first is not None and own is not None and first.public_key() != own.public_key():
        faults.append("certificate_key is the key of another certificate; the server's own stands first in certificate")
    if first is not None and first.not_valid_after_utc <= now:
        faults.append(f"certificate ended on {first.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if first is not None and first.not_valid_before_utc > now:
        faults.append(f"certificate begins on {first.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")
    return faults


def secret_variables(secrets: dict, has_sentinel: bool = False) -> dict[str, str]:
    """Return the gateway's variables for these secrets; `environment` holds further ones as they are."""
    found = {variable: str(secrets[name]) for name, variable in VARIABLES.items() if secrets.get(name)}
    if secrets.get("api_key"):
        found["HOLDFAST_API__KEYS"] = json.dumps([str(secrets["api_key"])])
    if has_sentinel and secrets.get("redis_password"):
        found["HOLDFAST_BROKER__REDIS__SENTINEL_PASSWORD"] = str(secrets["redis_password"])
    return found | {str(name): str(value) for name, value in (secrets.get("environment") or {}).items()}


def environment_file(variables: dict[str, str]) -> str:
    """Return an environment file of systemd: in double quotes, where only these two need a backslash."""
    lines = []
    for name, value in sorted(variables.items()):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'{name}="{escaped}"\n')
    return "".join(lines)


class FilterModule:
    """The filters for secrets."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {
            "usual_secrets": usual_secrets,
            "secret_faults": secret_faults,
            "certificate_faults": certificate_faults,
            "secret_variables": secret_variables,
            "environment_file": environment_file,
        }
