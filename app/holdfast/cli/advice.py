"""What to do about a failure, in terms of this command line rather than of a page or a backend."""

from __future__ import annotations

from holdfast.codes import CODES

_OPTIONS = {
    "token_missing": "Name a token with --token; `holdfast token create USER` makes one with the settings' secret.",
    "api_key_missing": "Name a key with --api-key, or settings that have one with --config.",
    "admin_token_missing": "Name it with --admin-token, or settings that have `admin.token` with --config.",
    "admin_token_invalid": "Compare --admin-token, or `admin.token` of the settings read here, with the gateway's.",
    "api_key_invalid": "Compare --api-key, or the first of `api.keys` in the settings read here, with the gateway's.",
}
# It took the connection, which a kernel does for a process that does nothing any more.
SILENT = "connected, and no answer came"
# What httpx and websockets say when the other side hangs up on, or answers, something else than it expects.
_STRANGE_ANSWERS = ("disconnected", "valid HTTP", "connection closed")


def remedy(slug: str) -> str:
    """Return what to do about a cause, "" for one that the table does not have."""
    return _OPTIONS.get(slug) or (CODES[slug].remedy if slug in CODES else "")


def without_answer(url: str, reason: str) -> str:
    """Return what to do when nothing that is a gateway answered at a URL, by the reason the library gave."""
    is_secure = url.startswith(("https:", "wss:"))
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return "Its certificate is not trusted here: SSL_CERT_FILE=FILE names that of its authority."
    if is_secure and "SSL" in reason:
        return "What listens there does not speak TLS: try http:// in --url."
    if not is_secure and any(words in reason for words in _STRANGE_ANSWERS):
        return (
            "What listens there hung up, or speaks no plain HTTP: try https:// in --url. A gateway without descriptors "
            "hangs up too; its log says so."
        )
    if reason == SILENT:
        return (
            "What listens there hangs, is stopped or has too much to do: look at its process. See runbooks/loop-lag.md."
        )
    return "Is the gateway running there? Name another address with --url."
