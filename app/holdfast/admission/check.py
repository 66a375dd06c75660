"""Decide about a handshake before it is accepted, in the order of cost."""

from __future__ import annotations

from holdfast.admission.origin import OriginPolicy
from holdfast.connections.lifecycle import Lifecycle
from holdfast.connections.transport import Handshake
from holdfast.errors import DoorError


class AdmissionCheck:
    """Refuses handshakes of a draining instance and of pages that may not connect."""

    def __init__(self, lifecycle: Lifecycle, origins: OriginPolicy) -> None:
        self._lifecycle = lifecycle
        self._origins = origins

    def __call__(self, handshake: Handshake) -> None:
        """Return if the handshake may be accepted.

        Raises:
            DoorError: `draining` or `origin_not_allowed`.
        """
        if self._lifecycle.refuses_handshakes:
            raise DoorError("draining")
        origins: list[str] = []
        host = ""
        for name, value in handshake.headers:
            if name == b"origin":
                origins.append(value.decode("latin-1"))
            elif name == b"host":
                host = value.decode("latin-1")
        if not origins:
            return
        reason = self._origins.refusal(origins, host)
        if reason is not None:
            raise DoorError("origin_not_allowed", reason)
