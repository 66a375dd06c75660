"""What DNS, TCP and TLS showed, and what it means. Pure."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

from holdfast.diagnostics.probe.certificate import Certificate
from holdfast.diagnostics.probe.dial import Tried
from holdfast.diagnostics.probe.verdict import Verdict, verdict

_NO_NAME: Final = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_WORDS: Final = {
    "refused": "refused",
    "timeout": "no answer",
    "unreachable": "no route",
    "failed": "failed",
}
# Of several addresses that fail differently: an address family that this host lacks says least of the server.
_SLUGS: Final = (
    ("timeout", "tcp_timeout"),
    ("refused", "tcp_refused"),
    ("failed", "tcp_unreachable"),
    ("unreachable", "tcp_unreachable"),
)
# https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/
_VERIFY: Final = {
    9: "tls_not_yet_valid",
    10: "tls_expired",
    18: "tls_self_signed",
    62: "tls_wrong_name",
    64: "tls_wrong_name",
}


def dns_verdict(host: str, code: int, text: str) -> Verdict:
    """Return why a name has no address, from the resolver's EAI number."""
    detail = f"{host}: {text}."
    # RFC 6761, 6.4: such a name never exists, whatever a resolver that cannot be reached would say.
    if code in _NO_NAME or host.rstrip(".").endswith(".invalid"):
        return verdict("dns_not_found", detail)
    return verdict("dns_failed", detail)


def dns_timeout(host: str, seconds: float) -> Verdict:
    """Return that the resolver said nothing."""
    return verdict("dns_failed", f"{host}: no answer within {seconds:.1f} s.")


def tcp_verdict(tried: Sequence[Tried]) -> Verdict:
    """Return why no address took a connection."""
    outcomes = {one.outcome for one in tried}
    slug = next((slug for outcome, slug in _SLUGS if outcome in outcomes), "tcp_timeout")
    return verdict(slug, f"{'; '.join(told(one) for one in tried)}.")


def told(one: Tried) -> str:
    """Return an address and what came of it, in words."""
    detail = f" ({one.detail})" if one.detail and one.outcome in {"unreachable", "failed"} else ""
    after = f" within {one.seconds:.1f} s" if one.outcome == "timeout" else ""
    return f"{one.address}: {_WORDS.get(one.outcome, one.outcome)}{detail}{after}"


def certificate_verdict(code: int, message: str, name: str, seen: Certificate | None) -> Verdict:
    """Return why a certificate is not believed, from OpenSSL's number and what the certificate says."""
    slug = _VERIFY.get(code, "tls_untrusted")
    if seen is None:
        return verdict(slug, f"{message}.")
    if slug == "tls_wrong_name":
        return verdict(slug, f"It is for {', '.join(seen.names) or 'no name at all'}, and not for {name}.")
    if slug == "tls_expired":
        if not seen.is_expired:
            return verdict(slug, "Not the server's own, but one of its chain.", fix="Serve the renewed intermediates.")
        return verdict(slug, f"It was valid until {seen.not_after:%Y-%m-%d %H:%M} UTC.")
    if slug == "tls_not_yet_valid":
        return verdict(slug, f"It is valid from {seen.not_before:%Y-%m-%d %H:%M} UTC.")
    if slug == "tls_self_signed":
        return verdict(slug, f"Its subject is {seen.subject}.")
    return verdict(slug, f"{message}; it was issued by {seen.issuer}.")


def tls_verdict(reason: str, answers_http: bool) -> Verdict:
    """Return why a TLS handshake failed for another reason than the certificate."""
    if answers_http:
        return verdict("tls_not_spoken", "It answered in plain text.")
    return verdict("tls_failed", f"{reason[:200]}.")
