"""Revocations that hold on all instances, also on one that starts later or was cut off from the broker.

Each is told to all at once, and kept in a table that is read at the start and after every interruption.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final, NamedTuple

import msgspec

from holdfast.auth.revocation import Revocation
from holdfast.connections.bus import Bus, reader
from holdfast.connections.bus_messages import Done, RereadOrder, RevokeOrder
from holdfast.connections.core import Core
from holdfast.connections.revoking import Order, Revoker
from holdfast.errors import BrokerError, CapacityError
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

TABLE: Final = "revocations"
_SLICE: Final = 500  # a millisecond

_done = reader(Done)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Revocation).decode


class Revoked(NamedTuple):
    """How many connections were closed on all instances, and which of them did not say that they did it.

    With `is_kept` false the broker was away: other instances hear of it when it is back.
    """

    disconnected: int
    missing: list[str]
    is_kept: bool = True


class RevokerEverywhere:
    """Revokes on all instances of a broker."""

    def __init__(self, core: Core, bus: Bus) -> None:
        self._core = core
        self._revoker = Revoker(core)
        self._bus = bus
        self._unshared: dict[str, Revocation] = {}
        self._is_behind = not bus.is_alone
        bus.answer(RevokeOrder, self._on_revoke)
        bus.answer(RereadOrder, self._on_reread)

    # Public methods

    async def revoke(self, order: Order) -> Revoked:
        """Refuse the tokens from now on and close their connections; see `Revoker.revoke`.

        Raises:
            ValueError: neither user nor jti were given, or both.
            OverflowError: no more revocations can be remembered here.
        """
        until = self._core.wall_clock() if order.issued_until is None else order.issued_until
        closed = await self._revoker.revoke(order)
        if self._bus.is_alone:
            return Revoked(closed, [])
        is_kept = await self._keep(order)
        told = RevokeOrder(
            user=order.user, jti=order.jti, seconds=order.seconds, reason=order.reason, issued_until=until
        )
        try:
            found = await self._bus.survey(told, _done)
        except BrokerError as error:
            _log.warning("revocation_not_told", user=order.user, jti=order.jti, slug=error.slug, detail=error.detail)
            return Revoked(closed, [], is_kept=False)
        return Revoked(closed + sum(done.count for done in found.answers.values()), found.silent, is_kept)

    def fall_behind(self) -> None:
        """Know that something may have been revoked that did not arrive here."""
        self._is_behind = True

    async def catch_up(self) -> None:
        """Share what could not be shared and take over what did not arrive, where there may be either.

        Raises:
            BrokerError: not now.
        """
        await self._share()
        if not self._is_behind:
            return
        self._is_behind = False
        try:
            rows = await self._core.broker.tables.read(TABLE)
        except BrokerError:
            self._is_behind = True
            raise
        await self._take_over(rows)
        await self._find_lost(rows)

    # Private methods

    async def _share(self) -> None:
        """Keep what is not kept, a part of it at a time, for heartbeats must not wait; and when all is, say so."""
        late = list(self._unshared.values())[:_SLICE]
        for entry in late:
            await self._put(entry)
        if late and not self._unshared:
            self._core.spawn(self._call_for_reading())

    async def _call_for_reading(self) -> None:
        try:
            await self._bus.survey(RereadOrder(), _done)
        except BrokerError as error:
            _log.warning("revocation_not_told", slug=error.slug, detail=error.detail)

    async def _keep(self, order: Order) -> bool:
        """Put the revocation, joined with a longer one that was there, into the table; return whether it is there."""
        validator = self._core.validator
        entry = (
            validator.revocation("jti", order.jti) if order.user is None else validator.revocation("user", order.user)
        )
        if entry is None:  # for no time at all
            return True
        self._unshared[_name(entry)] = entry
        try:
            await self._put(entry)
        except BrokerError as error:
            _log.warning("revocation_not_kept", kind=entry.kind, name=entry.name, slug=error.slug, detail=error.detail)
            return False
        return True

    async def _put(self, entry: Revocation) -> None:
        name = _name(entry)
        if (ttl := entry.kept_until - self._core.wall_clock()) > 0:
            await self._core.broker.tables.put(TABLE, name, _encode(entry), ttl)
        if self._unshared.get(name) == entry:
            del self._unshared[name]

    async def _take_over(self, rows: dict[str, bytes]) -> None:
        news: list[Revocation] = []
        for count, row in enumerate(rows.values(), 1):
            try:
                entry = _decode(row)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if self._is_new(entry):
                news.append(entry)
            if count % _SLICE == 0:
                await asyncio.sleep(0)
        try:
            closed = await self._revoker.catch_up(news)
        except OverflowError as error:
            _log.error("revocation_lost", detail=str(error))
            return
        if news:
            _log.info("revocations_taken_over", revocations=len(news), connections=closed)

    async def _find_lost(self, rows: dict[str, bytes]) -> None:
        """Note what is known here and the broker has lost."""
        validator, now = self._core.validator, self._core.wall_clock()
        for count, (kind, name) in enumerate(validator.revoked(), 1):
            if f"{kind}:{name}" not in rows:
                known = validator.revocation(kind, name)
                if known is not None and now < known.kept_until:
                    self._unshared[_name(known)] = known
            if count % _SLICE == 0:
                await asyncio.sleep(0)

    def _is_new(self, entry: Revocation) -> bool:
        if entry.kept_until <= self._core.wall_clock():
            return False
        known = self._core.validator.revocation(entry.kind, entry.name)
        return known is None or known.issued_until < entry.issued_until or known.kept_until < entry.kept_until - 1

    async def _on_revoke(self, order: RevokeOrder) -> Done:
        given = Order(order.user, order.jti, order.seconds, order.reason, order.issued_until)
        try:
            return Done(await self._revoker.revoke(given))
        except OverflowError as error:
            _log.error("revocation_lost", user=order.user, jti=order.jti, detail=str(error))
            raise CapacityError("too_many_requests", str(error)) from None

    async def _on_reread(self, order: RereadOrder) -> Done:
        self.fall_behind()
        await self.catch_up()
        return Done()


def _name(entry: Revocation) -> str:
    return f"{entry.kind}:{entry.name}"


def message_to_reread() -> bytes:
    """Return the message that lets all instances read the table of revocations; nobody answers it.

    For who brings revocations into the table from elsewhere, and is no instance.
    """
    return _encode(RereadOrder(uid=os.urandom(8).hex()))
