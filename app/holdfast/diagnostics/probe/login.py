"""A login that gives the token: POST `{username, password}`, answered by `{token}`."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass, field

from holdfast.diagnostics.probe.dial import Address, ResolveError, resolve
from holdfast.diagnostics.probe.http import Answer, NotHttpError
from holdfast.diagnostics.probe.target import Target
from holdfast.diagnostics.probe.verdict import FailedError, verdict
from holdfast.diagnostics.probe.way import CutError, Way
from holdfast.diagnostics.probe.wire import TlsError


@dataclass(frozen=True, slots=True)
class Login:
    """Where to log in, and as whom."""

    target: Target
    username: str
    password: str = field(repr=False)


async def log_in(login: Login, context: ssl.SSLContext) -> str:
    """Return the token that a login gives.

    Raises:
        FailedError: `login_failed`; the text says what came, and never what was sent.
    """
    target = login.target
    body = json.dumps({"username": login.username, "password": login.password}).encode()
    path = target.path + (f"?{target.query}" if target.query else "")
    try:
        addresses = await resolve(target.host, target.port)
        answer = await _post(target, addresses, context, path, body)
    except ResolveError as error:
        raise _failed(target, str(error)) from None
    except (TlsError, CutError) as error:
        raise _failed(target, error.reason) from None
    except NotHttpError as error:
        raise _failed(target, str(error)) from None
    except OSError as error:
        raise _failed(target, error.strerror or str(error)) from None
    token = answer.json().get("token")
    if answer.status != 200 or not isinstance(token, str) or not token:
        raise _failed(target, f"it answered {answer.status}" + ("" if answer.status != 200 else " without a token"))
    return token


async def _post(target: Target, addresses: list[Address], context: ssl.SSLContext, path: str, body: bytes) -> Answer:
    failure: OSError | None = None
    for address in addresses:
        way = Way(target, address, context if target.is_secure else None)
        try:
            return await way.ask("POST", path, body, ("Content-Type", "application/json"))
        except OSError as error:
            failure = error
    raise failure or OSError("the name has no address")


def _failed(target: Target, reason: str) -> FailedError:
    return FailedError(verdict("login_failed", f"{target.scheme}://{target.authority}{target.path}: {reason}."))
