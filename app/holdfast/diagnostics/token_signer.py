"""Who signed a token whose signature is wrong: the secret that was read in another way, or another secret of ours.

Pure. It tries the handful of keys that people mix up; which one fits is said by its setting's name, never its value.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Iterator
from pathlib import Path

from holdfast.auth.jwt import decode_segment, parse_header, split_token
from holdfast.auth.keys import HMAC_HASHES, hmac_sign
from holdfast.errors import TokenError
from holdfast.settings import Settings, TokenRules


def signer_of(token: str, settings: Settings) -> str:
    """Return in words which key of the settings, read wrongly, signed the token by HMAC; "" where none did."""
    try:
        parts = split_token(token, settings.token.max_bytes)
        alg = parse_header(parts.header).alg
        signature = decode_segment(parts.signature, "signature")
    except TokenError:
        return ""
    if alg not in HMAC_HASHES:
        return ""
    for name, secret in _candidates(settings):
        if hmac.compare_digest(hmac_sign(secret, alg, parts.signing_input), signature):
            return name
    return ""


def _candidates(settings: Settings) -> Iterator[tuple[str, bytes]]:
    yield "an empty secret", b""
    rules: list[tuple[str, TokenRules]] = [("token", settings.token)]
    if settings.token.subscription is not None:
        rules.append(("token.subscription", settings.token.subscription))
    for path, rule in rules:
        yield from _of_rules(path, rule)
    for index, key in enumerate(settings.api.keys):
        yield f"api.keys[{index}], which is the server API's and not for tokens", key.get_secret_value().encode()


def _of_rules(path: str, rules: TokenRules) -> Iterator[tuple[str, bytes]]:
    secrets = [(f"{path}.hmac_secret", rules.hmac_secret)]
    secrets += [(f"{path}.previous_keys[{index}]", key.secret) for index, key in enumerate(rules.previous_keys)]
    for name, secret in secrets:
        if text := secret.get_secret_value():
            yield from ((f"{name}{how}", changed) for how, changed in _readings(text.encode()))
    for index, public in enumerate(rules.public_keys):
        pem = public.pem.encode() if public.file is None else _file(public.file)
        where = f"the PEM of {path}.public_keys[{index}], used as if it were a secret"
        for text_of_key in {pem, pem.strip(), pem.strip() + b"\n"} - {b""}:
            yield where, text_of_key


def _readings(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a secret as it is and as it is often misread."""
    yield ", as it is configured", secret
    yield " with a line break at its end", secret.rstrip(b"\r\n") + b"\n"
    yield " without the blanks around it", secret.strip()
    yield ", encoded as base64 first", base64.b64encode(secret)
    decoders: list[tuple[str, Callable[[bytes], bytes]]] = [
        (", decoded from base64 first", lambda text: base64.b64decode(_padded(text), validate=True)),
        (", decoded from base64url first", lambda text: base64.urlsafe_b64decode(_padded(text))),
        (", decoded from hexadecimal first", binascii.unhexlify),
    ]
    for how, decode in decoders:
        try:
            yield how, decode(secret)
        except ValueError:
            continue


def _padded(text: bytes) -> bytes:
    return text + b"=" * (-len(text) % 4)


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
