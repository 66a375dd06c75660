"""How admission is put together, and where its numbers are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from holdfast.admission.accept_rate import AcceptRate, Ramp
from holdfast.admission.breaker import AdmissionBreaker
from holdfast.admission.check import AdmissionCheck, Gate, Watch
from holdfast.admission.origin import OriginPolicy
from holdfast.admission.refusal_rate import RefusalRate, refusal_bucket
from holdfast.admission.retry_after import RetryAfter
from holdfast.connections.core import Core
from holdfast.connections.transport import Handshake
from holdfast.errors import GatewayError
from holdfast.monitoring.levels import Pressure
from holdfast.resilience.circuit_breaker import BreakerRules
from holdfast.resilience.token_bucket import TokenBucket
from holdfast.routes.admin import AdminEndpoint, AdminRequest
from holdfast.routes.observers import observe_handshake
from holdfast.settings import Settings
from holdfast.telemetry import metrics

STATISTICS_PATH = "/admin/statistics"
_BUSIEST = 10


@dataclass(frozen=True, slots=True)
class Admission:
    """What lets newcomers in, for those who open doors and for those who watch the instance."""

    check: AdmissionCheck
    observe: Callable[[Handshake, GatewayError | None], None]
    breaker: AdmissionBreaker
    rate: AcceptRate
    origins: OriginPolicy
    refusals: RefusalRate


def make_admission(settings: Settings, core: Core, pressure: Callable[[], Pressure]) -> Admission:
    """Return the admission of an instance whose manager exists; `pressure` tells which resources are scarce.

    Raises:
        ValueError: an origin pattern cannot be used.
    """
    given = settings.admission
    origins = OriginPolicy(settings.client.allowed_origins)
    bucket = TokenBucket(given.rate, given.burst) if given.rate else None
    rate = AcceptRate(bucket, Ramp(given.ramp_share, given.ramp), core.clock)
    rules = BreakerRules(given.breaker_window, given.breaker_min_connects, given.breaker_ratio, given.breaker_open)
    breaker = AdmissionBreaker(rules, core.clock, rate.stall)
    core.manager.on_outcome = breaker.on_outcome
    refused = core.stats.refused

    def observe(handshake: Handshake, refusal: GatewayError | None) -> None:
        if refusal is not None:
            refused[refusal.slug] += 1
        observe_handshake(handshake, refusal)

    refusals = RefusalRate(refusal_bucket(given.refusal_rate), given.rate, core.clock)
    gate = Gate(origins, breaker, rate, RetryAfter(given.rate, given.max_retry_after, core.clock), refusals)
    check = AdmissionCheck(given, Watch(core.lifecycle, core.manager, pressure), gate, observe)
    return Admission(check, observe, breaker, rate, origins, refusals)


def read_admission_of(admission: Admission, core: Core, limit: int) -> None:
    """Let a scrape read how far the gate is open, and how many connections still fit."""
    manager = core.manager
    metrics.OPENING.read_from(lambda: len(manager.opening))
    metrics.CONNECTION_HEADROOM.read_from(lambda: max(0, limit - manager.total))
    metrics.ADMISSION_BREAKER.read_from(lambda: admission.breaker.state)
    metrics.ADMISSION_SHARE.read_from(lambda: admission.rate.share)


def statistics_of(admission: Admission, core: Core, token: str) -> AdminEndpoint:
    """Return what answers `/admin/statistics`: the manager's numbers, and how admission stands."""
    manager = core.manager

    async def answer(request: AdminRequest) -> object:
        return {
            **asdict(manager.snapshot()),
            "busiest_addresses": dict(manager.busiest_addresses(_BUSIEST)),
            "breaker": admission.breaker.state.name.lower(),
            "open_ratio": round(admission.rate.share, 3),
            "accept_rate": round(admission.rate.rate, 3),
        }

    return AdminEndpoint(token, {"GET": answer})
