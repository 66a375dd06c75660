"""`holdfast health`: is the gateway alive, and does it want clients?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from holdfast.cli.failure import Exit
from holdfast.cli.output import JsonFlag, result, result_json
from holdfast.cli.place import ConfigOption, UrlOption

if TYPE_CHECKING:
    import httpx


def health(url: UrlOption = "", config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """Ask /livez and /readyz. Exits 0 when ready, 1 when alive but not ready, 2 when not alive, 4 without an answer."""
    from holdfast.cli.api_client import get
    from holdfast.cli.place import place

    base = place(config, url).internal
    live, ready = get(f"{base}/livez"), get(f"{base}/readyz")
    if as_json:
        result_json({"live": live.status_code == 200, "ready": ready.status_code == 200, "readyz": _body(ready)})
    else:
        result(f"{base} is {'alive' if live.status_code == 200 else f'not alive ({live.status_code})'}")
        result(f"{base} is {'ready' if ready.status_code == 200 else f'not ready ({ready.status_code}): {ready.text}'}")
    raise typer.Exit(verdict(live.status_code, ready.status_code))


def verdict(live: int, ready: int) -> Exit:
    """Return the exit code for the two answers' statuses."""
    if live != 200:
        return Exit.REFUSED
    return Exit.FINE if ready == 200 else Exit.FOUND


def _body(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text
