"""Decides about a handshake before it is accepted, in the order of cost."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.admission.origin import OriginPolicy
from holdfast.connections.lifecycle import Lifecycle
from holdfast.connections.transport import Handshake
from holdfast.errors import DoorError, GatewayError

Observer = Callable[[Handshake, GatewayError | None], None]
"""Told of every decision: the refusal, or None."""


class AdmissionCheck:
    """Refuses handshakes of a draining instance and of pages that may not connect."""

    def __init__(self, lifecycle: Lifecycle, origins: OriginPolicy, observe: Observer) -> None:
        self._lifecycle = lifecycle
        self._origins = origins
        self._observe = observe

    def __call__(self, handshake: Handshake) -> None:
        """Return if the handshake may be accepted.

        Raises:
            DoorError: `draining` or `origin_not_allowed`.
        """
        refusal = self.refusal(handshake)
        self._observe(handshake, refusal)
        if refusal is not None:
            raise refusal

    def refusal(self, handshake: Handshake) -> DoorError | None:
        """Return why the handshake must not be accepted, or None."""
        if self._lifecycle.refuses_handshakes:
            return DoorError("draining")
        origins: list[str] = []
        host = ""
        for name, value in handshake.headers:
            if name == b"origin":
                origins.append(value.decode("latin-1"))
            elif name == b"host":
                host = value.decode("latin-1")
        reason = self._origins.refusal(origins, host) if origins else None
        return DoorError("origin_not_allowed", reason) if reason is not None else None
