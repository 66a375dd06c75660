"""What the contents of a token tell of a mistake: header, signature's length, moments, issuer and audience.

Pure. It reads what a token says of itself, believing nothing; each mistake is a finding with what to do.
"""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.auth.claims import LATEST_MOMENT
from holdfast.auth.peek import Peeked
from holdfast.auth.verifier import Rules
from holdfast.diagnostics.token_repairs import Damage

# Bytes of a signature by algorithm (RFC 7518, 3.1; RFC 8037, 3.1); RSA's are as long as the key, 2048 bits at least.
_SIGNATURE_BYTES: dict[str, tuple[int, ...]] = {
    "HS256": (32,),
    "HS384": (48,),
    "HS512": (64,),
    "ES256": (64,),
    "ES384": (96,),
    "ES512": (132,),
    "EdDSA": (64, 114),
}
_LEAST_RSA_BYTES = 256
# Smaller than the year 2001 in seconds: nobody issues tokens for then, and many write a duration there.
_EARLIEST_MOMENT = 1_000_000_000
_MOMENTS = ("exp", "iat", "nbf")


def shape_mistakes(token: str, said: Peeked) -> Iterator[Damage]:
    """Yield what is wrong with the form of a token that no repair cures."""
    parts = token.split(".")
    if len(parts) == 5:
        yield Damage("mistake_encrypted", "it is encrypted (JWE, five parts)", "Issue a signed token (JWS).")
    if token.endswith(("...", "\u2026")) or "\u2026" in token:
        yield Damage("mistake_shortened", "it was shortened for display", "Copy the whole token, not what a log shows.")
    elif len(parts) == 2 or (len(parts) == 1 and token.startswith("eyJ")):
        yield Damage("mistake_truncated", f"it ends in part {len(parts)} of 3", _TRUNCATED)
    elif len(parts) == 3:
        yield from _signature_mistakes(parts[2], said.text("alg"))
    if not said.header and len(parts) == 3 and parts[0]:
        yield Damage(
            "mistake_header", "its first part is no JSON object in base64url", "Make tokens with a JWT library."
        )


_TRUNCATED = "Look for a limit on the way: a column of 255 characters, a cookie of 4 KiB, a shell without quotes."


def _signature_mistakes(segment: str, alg: str) -> Iterator[Damage]:
    if alg.lower() == "none":
        yield Damage(
            "mistake_alg_none", "its algorithm is `none`: it is not signed", "Sign it with the configured key."
        )
        return
    if not segment:
        yield Damage("mistake_unsigned", "its third part, the signature, is empty", _TRUNCATED)
        return
    # By characters: what was cut off anywhere need not be decodable.
    length = len(segment) * 3 // 4
    wanted = _SIGNATURE_BYTES.get(alg)
    if wanted is None:
        if alg.startswith("RS") and length < _LEAST_RSA_BYTES:
            yield Damage(
                "mistake_truncated",
                f"its signature has {length} bytes, {alg} needs {_LEAST_RSA_BYTES}",
                _TRUNCATED,
            )
    elif length < wanted[0]:
        yield Damage("mistake_truncated", f"its signature has {length} bytes, {alg} has {wanted[0]}", _TRUNCATED)
    elif length not in wanted:
        yield Damage(
            "mistake_signature_length",
            f"its signature has {length} bytes, {alg} has {wanted[0]}",
            "Something was added behind it, or it was encoded twice (hexadecimal, DER); use a JWT library.",
        )


def claim_mistakes(said: Peeked, rules: Rules, now: float) -> Iterator[Damage]:
    """Yield what the claims show."""
    for name in _MOMENTS:
        yield from _moment_mistakes(name, said, now)
    issued, ends = said.number("iat"), said.number("exp")
    if issued is not None and ends is not None and 0 < ends <= issued < LATEST_MOMENT:
        yield Damage(
            "mistake_lifetime", "`exp` is not after `iat`: it never lived", "Correct the lifetime, or a time zone."
        )
    yield from _name_mistakes("iss", said.claims.get("iss"), rules.issuer)
    audience = said.claims.get("aud")
    for one in audience[:8] if isinstance(audience, list) else [audience]:
        if rules.audience not in _as_list(audience):
            yield from _name_mistakes("aud", one, rules.audience)
    user = said.claims.get("sub")
    if isinstance(user, int) and not isinstance(user, bool):
        yield Damage("mistake_sub_number", "`sub` is a number", 'User ids are texts: `"sub": "42"`.')
    if "sub" not in said.claims and (other := next((n for n in _USER_NAMES if n in said.claims), "")):
        yield Damage("mistake_sub_name", f"the user stands in `{other}`, not in `sub`", "Put the user's id into `sub`.")


_USER_NAMES = ("user", "user_id", "userId", "uid", "id", "username", "email")


def _moment_mistakes(name: str, said: Peeked, now: float) -> Iterator[Damage]:
    value = said.claims.get(name)
    if isinstance(value, str):
        yield Damage("mistake_moment_text", f"`{name}` is a text", "Moments are numbers: Unix seconds, without quotes.")
        return
    moment = said.number(name)
    if moment is None:
        return
    if moment > LATEST_MOMENT:
        yield Damage(
            "mistake_milliseconds", f"`{name}` is in milliseconds", "Divide by 1000: JavaScript's Date.now() / 1000."
        )
    elif name == "exp" and 0 < moment < _EARLIEST_MOMENT:
        yield Damage(
            "mistake_duration",
            f"`{name}` is {moment:.0f}: a duration?",
            "`exp` is the moment of the end: now + lifetime.",
        )
    elif name != "exp" and now < moment < now + 86400:
        yield Damage(
            "mistake_clock",
            f"`{name}` is {moment - now:.0f} s ahead of this clock",
            "Synchronise both clocks (chrony, timedatectl), or forgive some seconds by token.leeway.",
        )


def _name_mistakes(name: str, value: object, expected: str) -> Iterator[Damage]:
    if not expected or not isinstance(value, str) or value == expected:
        return
    fix = f"Let both sides say the same; the gateway expects {expected!r}."
    if value.rstrip("/") == expected.rstrip("/"):
        yield Damage(f"mistake_{name}_slash", f"`{name}` differs only in a slash at its end", fix)
    elif value.strip().lower() == expected.strip().lower():
        yield Damage(f"mistake_{name}_case", f"`{name}` differs only in capitals or blanks", fix)
    elif value.partition("://")[2].rstrip("/") == expected.partition("://")[2].rstrip("/") != "":
        yield Damage(f"mistake_{name}_scheme", f"`{name}` differs only in http and https", fix)


def _as_list(audience: object) -> list[object]:
    return audience if isinstance(audience, list) else [audience]
