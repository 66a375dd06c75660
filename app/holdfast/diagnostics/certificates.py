"""The gateway's certificate as a client will judge it: until when, for which names, with which chain."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509

from holdfast.codes import CODES
from holdfast.diagnostics.findings import Finding

_DAY: Final = 86400.0
# Shorter than what ACME clients leave (30 days of 90), so that one who renews in time hears nothing.
_SOON_DAYS: Final = 14.0
_MOST_NAMES: Final = 5


def certificate_findings(pem: bytes | None, fault: str, now: float) -> list[Finding]:
    """Return what is wrong with a certificate file, or that nothing is; nothing without a file.

    Args:
        pem: the file's bytes, None where no certificate is configured.
        fault: why the file could not be read, else empty.
        now: Unix seconds.
    """
    if fault:
        return [_finding("tls_unreadable", "unknown", "The certificate file cannot be read.", fault)]
    if pem is None:
        return []
    try:
        leaf, *chain = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        return [_finding("tls_unreadable", "unknown", "The certificate file cannot be understood.", str(error))]
    names = _names(leaf)
    found = [*_dates(leaf, now)]
    if not names:
        text = "The certificate has no subjectAltName, and clients look at nothing else."
        found.append(_finding("tls_wrong_name", "critical", text, leaf.subject.rfc4514_string()))
    for one in chain:
        found += [_of_chain(finding, one) for finding in _dates(one, now)]
    if not found:
        left = (_moment(leaf.not_valid_after_utc) - now) / _DAY
        listed = ", ".join(names[:_MOST_NAMES]) + (" ..." if len(names) > _MOST_NAMES else "")
        evidence = f"{left:.0f} days left, for {listed}, {len(chain)} more in the file"
        found.append(Finding("tls", "ok", "The certificate is valid.", evidence))
    return found


def certificate_facts(pem: bytes | None) -> dict[str, Any] | None:
    """Return names and dates for a program, None where there is no certificate that can be read."""
    try:
        leaf, *chain = x509.load_pem_x509_certificates(pem or b"")
    except ValueError:
        return None
    return {
        "names": _names(leaf),
        "not_before": _moment(leaf.not_valid_before_utc),
        "not_after": _moment(leaf.not_valid_after_utc),
        "chain": len(chain),
    }


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    return [*extension.value.get_values_for_type(x509.DNSName), *map(str, addresses)]


def _dates(certificate: x509.Certificate, now: float) -> list[Finding]:
    begins, ends = _moment(certificate.not_valid_before_utc), _moment(certificate.not_valid_after_utc)
    if now >= ends:
        return [_finding("tls_expired", "critical", "The certificate has expired.", f"on {_day(ends)}")]
    if now < begins:
        text = "The certificate is not valid yet."
        return [_finding("tls_not_yet_valid", "critical", text, f"from {_day(begins)} on")]
    if ends - now < _SOON_DAYS * _DAY:
        text = "The certificate expires soon."
        return [_finding("tls_expired", "warning", text, f"{(ends - now) / _DAY:.1f} days left, until {_day(ends)}")]
    return []


def _of_chain(finding: Finding, certificate: x509.Certificate) -> Finding:
    subject = certificate.subject.rfc4514_string()
    return Finding(
        finding.check, finding.severity, finding.summary, f"{finding.evidence}; in the chain: {subject}", finding.remedy
    )


def _finding(check: str, severity: Any, text: str, evidence: str) -> Finding:
    remedy = CODES[check].remedy if check in CODES else "Compare `tls.cert_file` with `holdfast config check`."
    return Finding(check, severity, text, evidence, remedy)


def _moment(moment: datetime) -> float:
    return moment.timestamp()


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%MZ")
