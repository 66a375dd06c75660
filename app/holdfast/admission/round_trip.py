"""The broker's readiness: a publication on a channel of this instance's own has to come back."""

from __future__ import annotations

import asyncio

import msgspec

from holdfast.broker.base import Broker, BrokerHandler, PublishOptions
from holdfast.broker.relay import Relay
from holdfast.errors import BrokerError
from holdfast.protocol.messages import Publication, StreamPosition

# Who else publishes into such a channel reaches nobody, and cannot make a failed probe pass: it is numbered.
PREFIX = "holdfast ready "
PATIENCE_SECONDS = 1.0
"""How long a publication may take to come back."""
_OPTIONS = PublishOptions()


class BrokerRoundTrip(Relay):
    """Stands between broker and hub, and takes its own publications out of the stream."""

    def __init__(
        self, broker: Broker, handler: BrokerHandler, instance: str, patience: float = PATIENCE_SECONDS
    ) -> None:
        super().__init__(handler)
        self._patience = patience
        self._broker = broker
        self._channel = f"{PREFIX}{instance}"
        self._is_subscribed = False
        self._sent = 0
        self._returned: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Ask the broker to hand on the probe's channel; one that is away now is asked again by each check."""
        try:
            await self._subscribe()
        except BrokerError:
            pass  # an instance starts without its broker too, and is not ready then

    async def check(self) -> None:
        """Publish, and return when that very publication came back.

        Raises:
            BrokerError: the broker refused the publication, brings none at the moment, or did not bring it in time.
        """
        if (cause := self._broker.trouble("feed")) is not None:
            raise cause
        try:
            async with asyncio.timeout(self._patience):
                await self._round_trip()
        except TimeoutError:
            detail = f"a publication did not come back within {self._patience:g} s"
            raise BrokerError("broker_timeout", detail) from None

    async def check_messages(self) -> None:
        """Return if messages of other instances come here, as far as is known.

        Raises:
            BrokerError: they do not.
        """
        if (cause := self._broker.trouble("messages")) is not None:
            raise cause

    async def _round_trip(self) -> None:
        if not self._is_subscribed:
            await self._subscribe()
        self._sent += 1
        self._returned = asyncio.get_running_loop().create_future()
        data = msgspec.Raw(str(self._sent).encode())
        await self._broker.publish(self._channel, Publication(data=data), _OPTIONS)
        await self._returned

    async def _subscribe(self) -> None:
        await self._broker.subscribe(self._channel)
        self._is_subscribed = True

    def on_publication(
        self, channel: str, publication: Publication, position: StreamPosition, use_delta: bool = False
    ) -> None:
        """Hand on to the hub, unless it is the probe's own."""
        if channel != self._channel:
            self._handler.on_publication(channel, publication, position, use_delta)
            return
        returned = self._returned
        is_latest = bytes(publication.data) == str(self._sent).encode()
        if returned is not None and is_latest and not returned.done():
            returned.set_result(None)
