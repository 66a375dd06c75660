"""Settings of the login that cannot work together."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from holdfast.settings import Settings
from holdfast.settings_auth import SHORTEST_SECRET
from holdfast.settings_faults import Fault

_SCHEMES = ("postgresql", "postgres", "postgresql+pg8000")


def check_auth(settings: Settings) -> Iterator[Fault]:
    """Yield every combination that cannot work; nothing where the login is off."""
    auth = settings.auth
    if not auth.enabled:
        return
    secret = settings.token.hmac_secret.get_secret_value().encode()
    if not settings.token.hmac_algorithms or len(secret) < SHORTEST_SECRET:
        seen = f"{len(secret)} bytes" if secret else "none"
        yield _fault(
            f"expected a secret of at least {SHORTEST_SECRET} bytes to sign access tokens with, saw {seen}",
            "auth.enabled",
            "token.hmac_secret",
        )
    yield from _users(settings)
    if auth.idle_lifetime <= auth.access_ttl:
        yield _fault(
            "expected sessions to outlive their access tokens, "
            f"saw {auth.idle_lifetime:g} s beside {auth.access_ttl:g} s",
            "auth.idle_lifetime",
            "auth.access_ttl",
        )
    if auth.absolute_lifetime < auth.idle_lifetime:
        yield _fault(
            f"expected at least the idle lifetime, saw {auth.absolute_lifetime:g} s under {auth.idle_lifetime:g} s",
            "auth.absolute_lifetime",
            "auth.idle_lifetime",
        )
    if auth.lockout.longest < auth.lockout.first:
        yield _fault(
            f"expected locks that grow, saw {auth.lockout.longest:g} s after {auth.lockout.first:g} s",
            "auth.lockout.longest",
            "auth.lockout.first",
        )
    if auth.lockout.account_failures < auth.lockout.failures:
        yield _fault(
            "expected a higher bar for all addresses together, "
            f"saw {auth.lockout.account_failures} under {auth.lockout.failures}",
            "auth.lockout.account_failures",
            "auth.lockout.failures",
        )


def _users(settings: Settings) -> Iterator[Fault]:
    auth = settings.auth
    url = auth.users_url.get_secret_value()
    if bool(url) == (auth.users_path is not None):
        yield _fault(f"expected one of them, saw {'both' if url else 'neither'}", "auth.users_path", "auth.users_url")
    if url and not _is_postgres(url):
        yield _fault("expected an address such as postgresql://user:password@host/name, saw another", "auth.users_url")
    if any("*" in origin or origin == "null" for origin in auth.allowed_origins):
        yield _fault(
            "expected each origin by its name, saw a wildcard or null; any page that fits could log in and out",
            "auth.allowed_origins",
        )


def _is_postgres(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in _SCHEMES and bool(parts.path.strip("/")) and (parts.port or 1) > 0
    except ValueError:
        return False


def _fault(text: str, *keys: str) -> Fault:
    return Fault(f"{' with '.join(keys)}: {text}", keys)
