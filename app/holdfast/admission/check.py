"""Decides about a handshake before it is accepted: what is cheap and certain comes first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from holdfast.admission.accept_rate import AcceptRate
from holdfast.admission.breaker import AdmissionBreaker
from holdfast.admission.limits import why_address_full, why_draining, why_full, why_scarce
from holdfast.admission.origin import OriginPolicy
from holdfast.admission.refusal_rate import RefusalRate
from holdfast.admission.retry_after import RetryAfter
from holdfast.connections.lifecycle import Lifecycle
from holdfast.connections.transport import Handshake
from holdfast.errors import DoorError, GatewayError
from holdfast.monitoring.levels import Pressure
from holdfast.settings_admission import AdmissionSettings

Observer = Callable[[Handshake, GatewayError | None], None]
"""Told of every decision: the refusal, or None."""

REFUSALS: Final = frozenset(
    {
        "origin_not_allowed",
        "draining",
        "breaker_open",
        "instance_connection_limit",
        "address_connection_limit",
        "accept_rate",
        "overload_loop_lag",
        "overload_memory",
        "overload_cpu",
        "overload_descriptors",
    }
)
"""The causes for which admission refuses."""

# A loop that stood still for so long has a queue of newcomers behind it, who would all be let in at once.
STALL_SECONDS: Final = 1.0


class Census(Protocol):
    """Who counts the connections, those that have not connected yet too."""

    @property
    def total(self) -> int:
        """Connections of the instance."""

    def count_of_address(self, address: str) -> int:
        """Return the connections of one address."""

    def make_room(self) -> bool:
        """End a connection that has kept its place for long without a session; return whether there was one."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What admission looks at, all of it kept by others."""

    lifecycle: Lifecycle
    census: Census
    pressure: Callable[[], Pressure]


@dataclass(frozen=True, slots=True)
class Gate:
    """What admission keeps itself."""

    origins: OriginPolicy
    breaker: AdmissionBreaker
    rate: AcceptRate
    retry_after: RetryAfter
    refusals: RefusalRate


class AdmissionCheck:
    """One for all transports: whoever wants a connection passes here.

    Before it: path and headers. Then origin, draining, breaker, connections of the instance and of the address,
    accept rate, resources. Only who passes all of them takes from the accept rate. A user's own limit applies later,
    when the token has said who it is.
    """

    def __init__(self, settings: AdmissionSettings, watch: Watch, gate: Gate, observe: Observer) -> None:
        self._settings = settings
        self._watch = watch
        self._gate = gate
        self._observe = observe

    def __call__(self, handshake: Handshake) -> None:
        """Let a handshake in, and tell the observer.

        Raises:
            DoorError: it must not be accepted.
        """
        try:
            self.admit(handshake)
        except DoorError as error:
            self._observe(handshake, error)
            raise
        self._observe(handshake, None)

    def admit(self, handshake: Handshake) -> None:
        """Let a handshake in; whoever calls this tells the observer.

        Raises:
            DoorError: it must not be accepted.
        """
        refusal = self.refusal(handshake)
        if refusal is not None:
            try:
                raise refusal
            finally:
                # Else the error held this frame, and the frame the error: a storm of them would wait for the collector.
                del refusal
        self._gate.breaker.take(handshake)
        self._gate.rate.take()

    def refusal(self, handshake: Handshake) -> DoorError | None:
        """Return why the handshake must not be accepted, or None; nobody is let in by it."""
        refusal = self._judge(handshake)
        if refusal is not None:
            if refusal.slug.startswith(("overload_", "breaker_")):
                self._gate.rate.stall()
            if refusal.code.http_status in {429, 503}:
                # One address that knocks without end must neither send all others away for long nor let them wait.
                is_crowd = refusal.slug != "address_connection_limit"
                if is_crowd:
                    self._gate.refusals.take()
                refusal.context["retry_after"] = self._gate.retry_after.seconds(is_crowd=is_crowd)
        return refusal

    def on_lag(self, lag_seconds: float) -> None:
        """Know by how much the event loop was late; after a long stall the gate opens gradually.

        Called about once a second, it also sees a scarcity during which nobody knocked.
        """
        if lag_seconds >= STALL_SECONDS or self._watch.pressure().critical() is not None:
            self._gate.rate.stall()

    # Private methods

    def _judge(self, handshake: Handshake) -> DoorError | None:
        watch, gate = self._watch, self._gate
        return (
            self._why_foreign(handshake)
            or why_draining(watch.lifecycle.refuses_handshakes)
            or gate.breaker.refusal()
            or self._why_full()
            or self._why_address_full(handshake.client)
            or self._why_busy()
        )

    def _why_busy(self) -> DoorError | None:
        rate = self._gate.rate
        scarce = why_scarce(self._watch.pressure())
        if scarce is not None and scarce.slug == "overload_cpu":
            # Refusals take CPU too: if nobody got in, a crowd that knocks would keep the door shut for ever.
            rate.stall()
            return scarce if rate.refusal() is not None or not rate.is_narrow else None
        return rate.refusal() or scarce

    def _why_foreign(self, handshake: Handshake) -> DoorError | None:
        origins: list[str] = []
        host = ""
        for name, value in handshake.headers:
            if name == b"origin":
                origins.append(value.decode("latin-1"))
            elif name == b"host":
                host = value.decode("latin-1")
        reason = self._gate.origins.refusal(origins, host) if origins else None
        return DoorError("origin_not_allowed", reason) if reason is not None else None

    def _why_full(self) -> DoorError | None:
        census, limit = self._watch.census, self._settings.max_connections
        if census.total >= limit:
            census.make_room()
        return why_full(census.total, limit)

    def _why_address_full(self, address: str) -> DoorError | None:
        limit = self._settings.max_connections_per_address
        if not limit or not address:  # a Unix socket's peers have none
            return None
        return why_address_full(self._watch.census.count_of_address(address), limit)
