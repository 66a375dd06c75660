"""Calls to the server API, with every way they fail in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.cli.advice import SILENT, remedy, without_answer
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.place import Place, is_loopback
from holdfast.codes import CODES

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 10.0
# Addresses that are reached by a socket of this machine, such as an SSH tunnel's: its path by host and port of the URL.
SOCKETS: dict[str, str] = {}


def get(url: str) -> httpx.Response:
    """Fetch a URL whatever its status.

    Raises:
        CliError: nothing answered.
    """
    import httpx

    return send(httpx.Request("GET", url))


def call(place: Place, method: str, **params: Any) -> dict[str, Any]:
    """Call an API method and return its result.

    Raises:
        CliError: nothing answered, or the API refused; the text says what to do.
    """
    import httpx

    url = f"{place.internal}/api/{method}"
    headers = {"X-API-Key": place.api_key} if place.api_key else {}
    answer = send(httpx.Request("POST", url, json=params, headers=headers))
    body = _body(answer, url)
    error = body.get("error", body if answer.status_code >= 400 else None)
    if error:
        raise CliError(_refusal(method, answer.status_code, error), Exit.REFUSED)
    found = body.get("result")
    return found if isinstance(found, dict) else {}


def send(request: httpx.Request) -> httpx.Response:
    """Return the answer to a request, whatever its status.

    Raises:
        CliError: nothing answered.
    """
    import ssl

    import httpx

    socket = SOCKETS.get(request.url.netloc.decode())
    # A proxy named in the environment is for the world outside, not for this machine.
    uses_proxy = not socket and not is_loopback(str(request.url))
    # The system's authorities and SSL_CERT_FILE, as `subscribe` takes them; httpx has a list of its own.
    # To load those takes longer than a request: not where there is certainly no TLS, not even a proxy's.
    verify = ssl.create_default_context() if request.url.scheme == "https" else uses_proxy
    try:
        way = httpx.HTTPTransport(uds=socket) if socket else None
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=uses_proxy, verify=verify, transport=way) as client:
            return client.send(request)
    except httpx.HTTPError as error:
        base, reason = f"{request.url.scheme}://{request.url.netloc.decode()}", _reason(error)
        text = f"no gateway answered at {base} ({reason}).\n  {without_answer(base, reason)}"
        raise CliError(text, Exit.UNKNOWN) from None


def _body(answer: httpx.Response, url: str) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise CliError(f"{url} answered {answer.status_code} without a JSON object: no gateway?", Exit.UNKNOWN)
    return body


def _refusal(method: str, status: int, error: dict[str, Any]) -> str:
    slug = str(error.get("slug") or error.get("message") or "no reason given")
    advice = remedy(slug) or str(error.get("remedy", ""))
    code = error.get("code", status)
    meaning = f"\n  {CODES[slug].meaning}" if slug in CODES else ""
    return f"{method} was refused: {slug} ({code}){meaning}" + (f"\n  {advice}" if advice else "")


def _reason(error: Exception) -> str:
    import httpx

    if isinstance(error, httpx.ReadTimeout):
        return SILENT
    return str(error) or type(error).__name__
