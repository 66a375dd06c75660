"""The reference client by long polling."""

from __future__ import annotations

from typing import Any

from tests.poll_session import PollSession
from tests.reference_client import ReferenceClient


class PollClient(ReferenceClient):
    """The reference client on `PollSession`."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, PollSession, **options)
