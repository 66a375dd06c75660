"""What a call of a proxy is: JSON goes out, a body or a named failure comes back. `http_caller` makes them."""

from __future__ import annotations

from typing import Protocol

from holdfast.proxy.headers import Headers


class CallError(Exception):
    """A call without a usable answer.

    `status` is the HTTP status, 0 without one; `is_unsent` says that the backend cannot have seen the call.
    """

    def __init__(self, slug: str, detail: str, *, status: int = 0, is_unsent: bool = False) -> None:
        super().__init__(slug, detail)
        self.slug = slug
        self.detail = detail
        self.status = status
        self.is_unsent = is_unsent


class Caller(Protocol):
    """Makes calls."""

    async def post(self, body: bytes, headers: Headers) -> bytes:
        """Return the body of the backend's answer.

        Raises:
            CallError: there is none.
        """

    async def close(self) -> None:
        """End the connections."""
