"""Publishing, for clients and the server API alike: the namespace's options become the broker's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import Raw

from holdfast.broker.base import NO_POSITION, Broker, BrokerHandler, PublishOptions, PublishResult
from holdfast.channels.namespaces import ChannelRules
from holdfast.errors import BrokerError, LifecycleError
from holdfast.protocol.messages import ClientInfo, Publication
from holdfast.protocol.payloads import publication_data
from holdfast.telemetry import metrics


@dataclass(frozen=True, slots=True)
class PublishTerms:
    """What a publisher may ask for beside the data; see `PublishOptions`."""

    skip_history: bool = False
    idempotency_key: str = ""
    version: int = 0
    version_epoch: str = ""
    tags: dict[str, str] | None = None
    delta: bool = False


DEFAULT_TERMS = PublishTerms()


class Prepared(NamedTuple):
    """A publication that may be made, as the broker takes it.

    `is_local` where the subscribers of this instance may have it while the broker is away.
    """

    channel: str
    publication: Publication
    options: PublishOptions
    is_local: bool = False


class Publisher:
    """Hands publications to the broker.

    Args:
        is_closing: true from the moment the instance takes no more publications.
        idempotency_ttl: seconds an idempotency key is remembered.
        delivery: where the broker's publications come to, and those it cannot take although they need it least.
    """

    def __init__(
        self,
        broker: Broker,
        rules: ChannelRules,
        is_closing: Callable[[], bool],
        idempotency_ttl: float,
        delivery: BrokerHandler,
    ) -> None:
        self._broker = broker
        self._delivery = delivery
        self._rules = rules
        self._is_closing = is_closing
        self._idempotency_ttl = idempotency_ttl

    async def publish(
        self,
        channel: str,
        data: Raw,
        terms: PublishTerms = DEFAULT_TERMS,
        info: ClientInfo | None = None,
        *,
        is_json: bool = True,
    ) -> PublishResult:
        """Publish `data` and return where it went; it must be JSON if the caller says so.

        Raises:
            ChannelError: the channel's name or namespace is wrong, or it does not take such data.
            LifecycleError: `shutting_down`; publish at another instance.
            ProtocolError: `bad_request` without data.
            BrokerError: the broker could not take it.
        """
        return await self.make(self.prepare(channel, data, terms, info, is_json=is_json))

    def prepare(
        self,
        channel: str,
        data: Raw,
        terms: PublishTerms = DEFAULT_TERMS,
        info: ClientInfo | None = None,
        *,
        is_json: bool = True,
    ) -> Prepared:
        """Check all that can be known beforehand, and return what `make` makes.

        Raises:
            ChannelError, LifecycleError, ProtocolError: as `publish`.
        """
        if self._is_closing():
            raise LifecycleError("shutting_down", "this instance takes no more publications")
        options = self._rules.resolve(channel).options
        data = publication_data(data, options.publication_data_format, is_json=is_json)
        keeps = not terms.skip_history
        how = PublishOptions(
            history_size=options.history_size if keeps else 0,
            history_ttl=options.history_ttl if keeps else 0.0,
            history_meta_ttl=options.history_meta_ttl,
            idempotency_key=terms.idempotency_key,
            idempotency_ttl=self._idempotency_ttl if terms.idempotency_key else 0.0,
            version=terms.version,
            version_epoch=terms.version_epoch,
            use_delta=terms.delta or options.delta_publish,
            durability=options.durability if keeps else 0,
        )
        is_local = options.deliver_without_broker and self._broker.is_shared and not how.keeps_history
        return Prepared(channel, Publication(data, info, 0, terms.tags), how, is_local)

    async def make(self, prepared: Prepared) -> PublishResult:
        """Publish what was prepared, also when the instance takes no more publications by now.

        Raises:
            BrokerError: the broker could not take it.
        """
        channel, publication, options, is_local = prepared
        try:
            return await self._broker.publish(channel, publication, options)
        except BrokerError as error:
            # Where the broker may have done it after all, the subscribers would get it twice.
            if not is_local or not error.is_undone:
                raise
        metrics.DELIVERED_WITHOUT_BROKER.inc()
        self._delivery.on_publication(channel, publication, NO_POSITION, options.use_delta)
        return PublishResult(NO_POSITION)
