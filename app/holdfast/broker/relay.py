"""Stands between a broker and its handler and hands everything on; who takes something out overrides that."""

from __future__ import annotations

from collections.abc import Collection

from holdfast.broker.base import BrokerHandler
from holdfast.protocol.messages import ClientInfo, Publication, StreamPosition


class Relay:
    """A `BrokerHandler` before another one.

    Args:
        handler: gets what is handed on.
    """

    def __init__(self, handler: BrokerHandler) -> None:
        self._handler = handler

    def on_publication(
        self, channel: str, publication: Publication, position: StreamPosition, use_delta: bool = False
    ) -> None:
        """Hand on."""
        self._handler.on_publication(channel, publication, position, use_delta)

    def on_join(self, channel: str, info: ClientInfo) -> None:
        """Hand on."""
        self._handler.on_join(channel, info)

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        """Hand on."""
        self._handler.on_leave(channel, info)

    def on_control(self, message: bytes) -> None:
        """Hand on."""
        self._handler.on_control(message)

    def on_interrupted(self) -> None:
        """Hand on."""
        self._handler.on_interrupted()

    def on_resumed(self, channels: Collection[str]) -> None:
        """Hand on."""
        self._handler.on_resumed(channels)
