"""What a proxy's timeouts mean for connections, whichever proxy it is."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.diagnostics.findings import Finding
from holdfast.diagnostics.terms import Terms


@dataclass(frozen=True, slots=True)
class Timeout:
    """One timeout of a proxy: what it is called there, where it stands, and for what it counts."""

    seconds: float
    setting: str
    place: str
    use: str


def idle_finding(timeout: Timeout, terms: Terms) -> Finding | None:
    """Return what is wrong with a timeout for connections on which nothing may pass until the next ping."""
    evidence = (
        f"`{timeout.setting}` is {timeout.seconds:g} s ({timeout.place}); the gateway pings every "
        f"{terms.ping_interval:g} s and waits {terms.pong_timeout:g} s for the answer"
    )
    remedy = (
        f"Raise `{timeout.setting}` above {terms.quiet_seconds:g} s, or set `client.ping_interval` to "
        f"{max(1.0, timeout.seconds * 0.4):.0f}s."
    )
    if timeout.seconds <= terms.ping_interval:
        text = f"The proxy cuts every quiet {timeout.use} before its next ping."
        return Finding("proxy_idle_cut", "critical", text, evidence, remedy)
    if timeout.seconds < terms.quiet_seconds:
        text = f"The proxy leaves a quiet {timeout.use} less time than a ping and its answer may take."
        return Finding("proxy_idle_cut", "warning", text, evidence, remedy)
    return None
