"""What the gateway itself says of an attempt: `GET /connection/explain?cid=`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from holdfast.codes import CODES
from holdfast.diagnostics.probe.http import Answer
from holdfast.diagnostics.probe.verdict import Verdict, verdict

EXPLAIN_PATH: Final = "/connection/explain"
_FIELDS: Final = ("cid", "slug", "number", "meaning", "detail", "remedy", "stage", "state", "at", "instance", "seen")
_LONGEST: Final = 32 * 1024
# What a probe sees of many causes alike, so that the gateway's own word says more.
_VAGUE: Final = frozenset(
    {
        "upgrade_refused",
        "upgrade_cut",
        "upgrade_no_gateway",
        "path_not_found",
        "token_refused",
        "connect_refused",
        "subscribe_refused",
        "closed_by_server",
        "connection_cut",
        "connect_timeout",
        "proxy_idle_cut",
    }
)
# What a gateway says of a connection that something between both has ended, or that we have.
_SAYS_NOTHING: Final = frozenset({"client_gone", "client_closed", "connection_closed"})


def explanation(answer: Answer | None) -> dict[str, Any] | None:
    """Return what the gateway said, without the log token, which is a secret; None where it said nothing of it."""
    if answer is None or answer.status != 200 or len(answer.body) > _LONGEST:
        return None
    found = answer.json()
    slug = found.get("slug")
    if not isinstance(slug, str) or slug not in CODES:
        return None
    return {name: found[name] for name in _FIELDS if name in found}


def seen_headers(explained: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the request's headers as the gateway saw them, {} where it did not tell."""
    seen = explained.get("seen") if explained else None
    return dict(seen) if isinstance(seen, dict) else {}


def refined(found: Verdict, explained: Mapping[str, Any] | None) -> Verdict:
    """Return the verdict, or the gateway's own where it knows more than can be seen from here."""
    slug = explained.get("slug") if explained else None
    if slug not in CODES or found.slug not in _VAGUE or slug in _SAYS_NOTHING or slug == found.slug:
        return found
    return verdict(str(slug), f"The gateway says so of this attempt; seen from here: {found.slug}. {found.detail}")
