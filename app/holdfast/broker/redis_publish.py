"""Publishing through Redis: one script a publication, many under way at once, and as many confirmations as asked for.

What one turn of the loop publishes leaves in one write. Publications that wait for replicas go by lanes of their own,
where WAIT holds up nobody else; one WAIT stands for all that were made before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError

from holdfast.broker.base import PublishOptions, PublishResult
from holdfast.broker.redis_errors import broker_error
from holdfast.broker.redis_link import RUN, RedisLink, Script
from holdfast.broker.redis_records import encode_publication
from holdfast.broker.redis_scripts import PUBLISH, SEND
from holdfast.broker.redis_seen import Seen, SeenPositions
from holdfast.broker.redis_wire import Argument, Caller
from holdfast.broker.stream import new_epoch
from holdfast.errors import BrokerError
from holdfast.protocol.messages import Publication, StreamPosition


class Publisher:
    """Publishes, and remembers where to.

    Args:
        link: the way to Redis.
        seen: told of each position, and given to each script.
        idempotency_ttl: seconds, where a publication says nothing else.
        suspect: told of a position with which a channel's stream has to be looked at.
    """

    def __init__(
        self, link: RedisLink, seen: SeenPositions, idempotency_ttl: float, suspect: Callable[[str, Seen], object]
    ) -> None:
        self._link = link
        self._seen = seen
        self._idempotency_ttl = idempotency_ttl
        self._suspect = suspect
        self._confirmations = Confirmations(link.settings.timeout / 2)

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishResult:
        """Publish; see `Broker.publish`."""
        keys = self._link.keys
        meta = keys.meta(channel)
        record = encode_publication(publication)
        idempotency = [keys.idempotency(channel, options.idempotency_key)] if options.idempotency_key else []
        if not options.keeps_history:
            args = self._send_args(channel, record, options)
            return self._result(await self._run(SEND, [meta, *idempotency], args, options))
        args = self._publish_args(channel, record, options)
        reply = await self._run(PUBLISH, [keys.stream(channel), meta, *idempotency], args, options)
        result = self._result(reply)
        if result.position.epoch and reply[3]:
            seen = Seen(result.position.epoch, result.position.offset, reply[3])
            if self._seen.note(channel, seen):
                self._suspect(channel, seen)
        publication.offset = result.position.offset
        return result

    # Private methods

    def _publish_args(self, channel: str, record: bytes, options: PublishOptions) -> list[Argument]:
        seen = self._seen.get(channel)
        ttl = max(1, round(options.history_ttl * 1000))
        return [
            record,
            self._link.keys.channel(channel),
            self._link.publish_command,
            RUN,
            new_epoch(),
            options.history_size,
            ttl,
            round(options.history_meta_ttl * 1000),
            int(options.use_delta),
            str(options.version),
            options.version_epoch,
            self._idempotency_ms(options),
            int(options.durability > 0),
            seen.epoch,
            seen.offset,
            seen.run,
        ]

    def _send_args(self, channel: str, record: bytes, options: PublishOptions) -> list[Argument]:
        return [
            record,
            self._link.keys.channel(channel),
            self._link.publish_command,
            int(options.use_delta),
            self._idempotency_ms(options),
            int(options.durability > 0),
        ]

    def _idempotency_ms(self, options: PublishOptions) -> int:
        return max(1, round((options.idempotency_ttl or self._idempotency_ttl) * 1000))

    async def _run(self, script: Script, keys: list[bytes], args: list[Argument], options: PublishOptions) -> Any:
        replicas = options.durability
        if not replicas:
            return await self._link.run_script(script, keys, args)

        async def send(wire: Caller) -> Any:
            reply = await self._link.evaluate(wire, script, keys, args)
            await self._confirmations.confirm(wire, replicas)
            return reply

        return await self._link.attempt(keys[0], f"wait {replicas}", send, is_write=True)

    @staticmethod
    def _result(reply: list[Any]) -> PublishResult:
        offset, epoch, is_suppressed, _ = reply
        return PublishResult(StreamPosition(int(offset), epoch.decode()), suppressed=is_suppressed == 1)


class Confirmations:
    """Asks replicas whether they have what was written on a connection.

    Args:
        patience: seconds to wait for them.
    """

    def __init__(self, patience: float) -> None:
        self._milliseconds = round(patience * 1000)
        self._next: dict[Caller, asyncio.Task[int]] = {}
        self._asked: dict[Caller, asyncio.Task[int]] = {}

    async def confirm(self, wire: Caller, replicas: int) -> None:
        """Return when so many replicas have everything that was answered on this connection.

        All who ask on one connection ask for the same number.

        Raises:
            BrokerError: `durability_not_met`; the write was made.
        """
        if wire not in self._next:
            asking = self._next[wire] = asyncio.get_running_loop().create_task(self._ask(wire, replicas))
            asking.add_done_callback(_take_error)
        try:
            confirmed = await asyncio.shield(self._next[wire])
        except (RedisError, BrokerError) as error:
            cause = broker_error(error)
            # Whatever it says of the WAIT: what was written before it has had its effect.
            raise BrokerError("durability_not_met", f"{cause.slug}: {cause.detail}") from None
        if confirmed < replicas:
            detail = f"{confirmed} of {replicas} replicas confirmed it within {self._milliseconds} ms"
            raise BrokerError("durability_not_met", detail)

    async def _ask(self, wire: Caller, replicas: int) -> int:
        before = self._asked.get(wire)
        if before is not None:
            await asyncio.wait({before})
        # What is written from here on is not for this question to cover.
        asked = self._asked[wire] = self._next.pop(wire)
        try:
            return int(await wire.call("WAIT", replicas, self._milliseconds))
        finally:
            if self._asked.get(wire) is asked:
                del self._asked[wire]


def _take_error(asking: asyncio.Task[int]) -> None:
    """Know of a failure that nobody waits for any more."""
    if not asking.cancelled():
        asking.exception()
