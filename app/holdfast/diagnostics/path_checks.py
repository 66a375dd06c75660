"""What a proxy's timeouts mean for connections, whichever proxy it is."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.diagnostics.findings import Finding
from holdfast.diagnostics.terms import Terms

# An answer that leaves at the last moment still has to arrive.
_POLL_MARGIN_SECONDS = 2.0
_LONGEST_NUMBER = 12


@dataclass(frozen=True, slots=True)
class Timeout:
    """One timeout of a proxy: what it is called there, where it stands, and for what it counts."""

    seconds: float
    setting: str
    place: str
    use: str


def number(text: str) -> int | None:
    """Return a plain number of a configuration file, None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER else None


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


def poll_finding(timeout: Timeout, terms: Terms) -> Finding | None:
    """Return what is wrong with the time that a proxy waits for the answer to a poll."""
    if not terms.poll or timeout.seconds >= terms.poll_timeout + _POLL_MARGIN_SECONDS:
        return None
    severity, text = "warning", "The proxy waits hardly longer for the answer to a poll than that may take."
    if timeout.seconds <= terms.poll_timeout:
        severity, text = "critical", "The proxy answers quiet polls with an error before the gateway does."
    return Finding(
        "poll_cut",
        "critical" if severity == "critical" else "warning",
        text,
        f"`{timeout.setting}` is {timeout.seconds:g} s ({timeout.place}); `poll.timeout` is {terms.poll_timeout:g} s",
        f"Raise `{timeout.setting}`, or set `poll.timeout` to {max(1.0, timeout.seconds * 0.6):.0f}s.",
    )


def room_finding(check: str, room: int, evidence: str, terms: Terms) -> Finding | None:
    """Return that a proxy takes fewer connections than the gateway would."""
    if room >= terms.max_connections:
        return None
    text = f"The proxy takes {room} connections, the gateway {terms.max_connections} (`admission.max_connections`)."
    return Finding(check, "warning", text, evidence, "Raise the proxy's limit, and its descriptors with it.")


def fault_findings(check: str, faults: list[str]) -> list[Finding]:
    """Return what could not be read, as a finding."""
    if not faults:
        return []
    more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
    return [
        Finding(
            check,
            "unknown",
            "Not all of the configuration could be read, so something in it may have been missed.",
            "; ".join(faults[:5]) + more,
            "Let the proxy check it (`nginx -t`, `haproxy -c -f FILE`), and give the file that it reads.",
        )
    ]
