"""Makes keys of the token settings; with keys_file.py the only part of auth that reads key files."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from holdfast.auth.keys import ADVISED_SECRET_BYTES, VerificationKey, hmac_key, load_public_pem, public_key
from holdfast.auth.keys_file import KeyEntry, read_keys_file
from holdfast.errors import ConfigError
from holdfast.settings import HmacKey, PublicKey, TokenRules


class ConfiguredKeys(NamedTuple):
    """The usable keys, the one to sign with first, and advice on them."""

    keys: tuple[VerificationKey, ...]
    warnings: tuple[str, ...]


def configured_keys(rules: TokenRules, path: str = "token") -> ConfiguredKeys:
    """Build every configured key; `path` is where the rules stand in the settings, for messages.

    Raises:
        ConfigError: with all keys that cannot be used, each named by its setting, never with a secret.
    """
    faults: list[str] = []
    keys: list[VerificationKey] = []

    def take(name: str, make: Callable[[], VerificationKey]) -> None:
        try:
            keys.append(make())
        except (ValueError, OSError) as error:
            faults.append(f"{path}.{name}: {_reason(error)}")

    secret = rules.hmac_secret.get_secret_value().encode()
    if secret:
        take("hmac_secret", lambda: hmac_key(secret, rules.hmac_algorithms))
    for index, previous in enumerate(rules.previous_keys):
        take(f"previous_keys[{index}]", lambda previous=previous: _previous(previous, rules))  # type: ignore[misc]  # mypy cannot infer a lambda's default argument
    for key in _of_file(rules, faults, path):
        take(f"keys_file: {key.kid[:64]!r}", lambda key=key: _filed(key, rules))  # type: ignore[misc]  # as above
    for index, public in enumerate(rules.public_keys):
        take(f"public_keys[{index}]", lambda public=public: _public(public))  # type: ignore[misc]  # as above
    if faults:
        raise ConfigError(faults)
    return ConfiguredKeys(tuple(keys), tuple(_warnings(rules, path)))


def parse_moment(text: str) -> float:
    """Return the Unix time of an ISO 8601 moment, UTC where it names no zone; infinity for "".

    Raises:
        ValueError: it is no such moment.
    """
    if not text:
        return math.inf
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"expected a moment such as 2030-01-31T12:00:00Z, got {text[:64]!r}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _of_file(rules: TokenRules, faults: list[str], path: str) -> list[KeyEntry]:
    try:
        return read_keys_file(rules.keys_file) if rules.keys_file is not None else []
    except (ValueError, OSError) as error:
        faults.append(f"{path}.keys_file: {_reason(error)}")
        return []


def _filed(key: KeyEntry, rules: TokenRules) -> VerificationKey:
    until = parse_moment(key.valid_until)
    return hmac_key(key.secret.encode(), rules.hmac_algorithms, kid=key.kid, origin="file", valid_until=until)


def _previous(previous: HmacKey, rules: TokenRules) -> VerificationKey:
    return hmac_key(
        previous.secret.get_secret_value().encode(),
        rules.hmac_algorithms,
        kid=previous.kid,
        origin="previous",
        valid_until=parse_moment(previous.valid_until),
    )


def _public(public: PublicKey) -> VerificationKey:
    if bool(public.pem) == bool(public.file):
        raise ValueError("expected either `pem` or `file`")
    pem = public.pem.encode() if public.file is None else Path(public.file).read_bytes()
    return public_key(load_public_pem(pem), public.algorithm, kid=public.kid)


def _warnings(rules: TokenRules, path: str) -> list[str]:
    secrets = [("hmac_secret", rules.hmac_secret)]
    secrets += [(f"previous_keys[{index}]", key.secret) for index, key in enumerate(rules.previous_keys)]
    return [
        f"{path}.{name}: {length} bytes; at least {ADVISED_SECRET_BYTES} are advised, for short secrets can be guessed"
        for name, secret in secrets
        if 0 < (length := len(secret.get_secret_value().encode())) < ADVISED_SECRET_BYTES
    ]


def _reason(error: ValueError | OSError) -> str:
    if isinstance(error, OSError):
        return f"cannot read {error.filename}: {error.strerror}"
    return str(error)
