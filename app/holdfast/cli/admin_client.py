"""Calls to the admin paths of a running instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.cli.advice import remedy
from holdfast.cli.api_client import send
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.place import Place
from holdfast.codes import CODES

_NO_SUCH_PATH = {"not_found", "method_not_allowed"}


class RefusedError(CliError):
    """The gateway answered that it will not; `slug` says why."""

    def __init__(self, message: str, slug: str) -> None:
        super().__init__(message, Exit.REFUSED)
        self.slug = slug


def ask(place: Place, path: str, query: Mapping[str, str] | None = None) -> Any:
    """Return what `GET path` answers, such as `/admin/attempts`.

    Raises:
        CliError: nothing answered; the text says what to do.
        RefusedError: the request was refused.
    """
    return _ask(place, "GET", path, query, None)


def order(place: Place, path: str, body: Mapping[str, Any]) -> Any:
    """Return what `POST path` answers.

    Raises:
        CliError: as `ask`.
    """
    return _ask(place, "POST", path, None, body)


def _ask(place: Place, method: str, path: str, query: Mapping[str, str] | None, body: Mapping[str, Any] | None) -> Any:
    import httpx

    headers = {"Authorization": f"Bearer {place.admin_token}"} if place.admin_token else {}
    url = f"{place.internal}{path}"
    answer = send(httpx.Request(method, url, params=dict(query or {}), json=body, headers=headers))
    try:
        found = answer.json()
    except ValueError:
        raise CliError(f"{url} answered {answer.status_code} without JSON: no gateway?", Exit.UNKNOWN) from None
    if answer.status_code == 200:
        return found
    slug = str(found.get("slug", "")) if isinstance(found, dict) else ""
    if slug in _NO_SUCH_PATH:
        text = f"{place.internal} has no {path}: the port of clients, or an older version"
        raise CliError(
            f"{text}.\n  Name the port of `internal_port` with --url, or settings with --config.", Exit.UNKNOWN
        )
    if slug not in CODES:
        raise CliError(f"{url} answered {answer.status_code}: no gateway?", Exit.UNKNOWN)
    # Whoever sent one needs no option: the gateway has none configured.
    advice = CODES[slug].remedy if slug == "admin_token_missing" and place.admin_token else remedy(slug)
    raise RefusedError(f"{path} was refused: {slug}\n  {found.get('message')}\n  {advice}", slug)
