"""The breaker of admission: while what an instance needs keeps failing, newcomers are kept away from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from holdfast.connections.transport import Handshake
from holdfast.errors import BrokerError, DoorError
from holdfast.resilience.circuit_breaker import BreakerRules, BreakerState, CircuitBreaker
from holdfast.telemetry.logs import get_logger

CONNECTED: Final = "ok"
"""The outcome of an admitted connection whose connect succeeded; all others are slugs."""

# Why a connect fails through no fault of the client's. The user's backend has breakers of its own.
OUR_FAULT: Final = BrokerError.slugs | {"internal_error", "server_error"}

# For so many times as long as it was open, newcomers may tell nothing.
_MOST_SILENCE: Final = 3

_log = get_logger(__name__)


class AdmissionBreaker:
    """Opened by whoever watches the instance (`trip`), and by connects that fail for our reasons.

    Open for a while, it lets single newcomers through; one whose connect succeeds closes it. Strangers who never
    connect could be those ones for ever, so it closes as well when nothing has failed for some time; what fails then
    opens it again.

    Args:
        rules: when failures open it, and for how long.
        clock: monotonic seconds.
        on_close: called when it closes.
    """

    def __init__(self, rules: BreakerRules, clock: Callable[[], float], on_close: Callable[[], object]) -> None:
        self._breaker = CircuitBreaker(rules, clock, self._on_change)
        self._clock = clock
        self._patience = rules.open_seconds
        self._on_close = on_close
        self.on_change: Callable[[BreakerState, str], object] = lambda state, cause: None
        """Told of each state it enters, and of the cause for which it opened."""
        self._cause = ""
        self._tried_since = 0.0
        self._is_slow = False  # a connect came while it tried newcomers, and was not answered in time
        self._probe: Handshake | None = None
        self._probe_at = 0.0

    # Public methods for admission

    @property
    def state(self) -> BreakerState:
        """Where it stands."""
        return self._breaker.state

    def refusal(self) -> DoorError | None:
        """Return why a newcomer must stay outside; nothing is taken."""
        self._forget_late_probe()
        self._close_on_silence()
        if self._breaker.would_allow():
            return None
        wait = self._breaker.wait_seconds()
        return DoorError("breaker_open", f"it tries again in {wait:.0f} s" if wait else "one newcomer is being tried")

    def take(self, handshake: Handshake) -> None:
        """Give a newcomer that is let in the permit that its outcome gives back."""
        handshake.permit = self._breaker.allow()
        if self._breaker.state is BreakerState.HALF_OPEN:
            self._probe, self._probe_at = handshake, self._clock()

    # Public methods for those who know how it goes

    def trip(self, cause: str) -> None:
        """Open, or stay open for longer, because of something that lasts."""
        if self._breaker.state is not BreakerState.OPEN:
            self._cause = cause
        self._breaker.trip()

    def on_outcome(self, handshake: Handshake, slug: str) -> None:
        """Know how the connect of an admitted newcomer ended; only the first outcome of each counts."""
        permit, handshake.permit = handshake.permit, None
        if permit is None:
            return
        if slug == CONNECTED or slug in OUR_FAULT:
            if slug != CONNECTED and self._breaker.state is not BreakerState.OPEN:
                self._cause = f"connects fail with {slug}"  # told only if this one opens it
            self._breaker.record(permit, is_failure=slug != CONNECTED)
        else:
            self._breaker.forget(permit)

    # Private methods

    def _forget_late_probe(self) -> None:
        # A newcomer that takes its time with connect must not keep everybody else outside.
        probe = self._probe
        if probe is not None and self._clock() - self._probe_at >= self._patience:
            self._probe = None
            if probe.permit is not None:
                self._is_slow = self._is_slow or "command" in probe.timings
                self._breaker.forget(probe.permit)

    def _close_on_silence(self) -> None:
        if self._breaker.state is not BreakerState.HALF_OPEN or self._is_slow or not self._tried_since:
            return
        if self._clock() - self._tried_since >= _MOST_SILENCE * self._patience:
            self._breaker.close()

    def _on_change(self, state: BreakerState) -> None:
        self._probe = None
        self._tried_since = self._clock() if state is BreakerState.HALF_OPEN else 0.0
        self._is_slow = False
        if state is BreakerState.OPEN:
            _log.warning("breaker_opened", cause=self._cause)
        elif state is BreakerState.CLOSED:
            _log.info("breaker_closed")
            self._on_close()
        self.on_change(state, self._cause)
