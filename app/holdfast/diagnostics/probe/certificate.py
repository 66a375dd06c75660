"""What a certificate says of itself, believed or not. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509

_MOST_NAMES: Final = 20
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Certificate:
    """The fields that decide whether a client believes it."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    now: datetime

    @property
    def is_expired(self) -> bool:
        """Whether it is over, by the clock of whoever reads it."""
        return self.now > self.not_after

    @property
    def left(self) -> timedelta:
        """How long it is valid yet; negative once it has expired."""
        return self.not_after - self.now

    def facts(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "names": list(self.names),
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
            "days_left": round(self.left.total_seconds() / 86400, 1),
        }


def read_certificate(der: bytes | None, now: float) -> Certificate | None:
    """Return what a certificate says; None for one that cannot be read."""
    if not der:
        return None
    try:
        parsed = x509.load_der_x509_certificate(der)
        return Certificate(
            subject=parsed.subject.rfc4514_string()[:_LONGEST] or "(no subject)",
            issuer=parsed.issuer.rfc4514_string()[:_LONGEST] or "(no issuer)",
            names=_names(parsed),
            not_before=parsed.not_valid_before_utc,
            not_after=parsed.not_valid_after_utc,
            now=datetime.fromtimestamp(now, UTC),
        )
    except (ValueError, x509.UnsupportedGeneralNameType, x509.InvalidVersion):
        return None


def _names(parsed: x509.Certificate) -> tuple[str, ...]:
    try:
        alternatives = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    names = alternatives.get_values_for_type(x509.DNSName)
    addresses = [str(address) for address in alternatives.get_values_for_type(x509.IPAddress)]
    return tuple(name[:_LONGEST] for name in [*names, *addresses][:_MOST_NAMES])
