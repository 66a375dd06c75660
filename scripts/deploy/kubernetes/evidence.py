"""What a pod itself says of its trouble: its answer to /readyz, its last lines; asked while it is still there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from .cause import LONGEST, Cause
from .programs import Cluster

SECONDS = 15.0
LINES = 4


def deepened(cluster: Cluster, found: Iterable[Cause], known: dict[str, tuple[str, ...]]) -> list[Cause]:
    """Return the causes with what their pods say; each pod is asked once for each cause, `known` remembers it."""
    deep = []
    for cause in found:
        ask = ASKED.get(cause.slug)
        key = f"{cause.slug} {cause.where}"
        if ask and key not in known:
            known[key] = ask(cluster, *_place(cause))
        deep.append(replace(cause, evidence=(*cause.evidence, *known.get(key, ()))))
    return deep


def _place(cause: Cause) -> tuple[str, str]:
    """Return pod and container of `pod NAME, container NAME`."""
    pod, _, container = cause.where.partition(", container ")
    return pod.removeprefix("pod "), container


def _readiness(cluster: Cluster, pod: str, container: str) -> tuple[str, ...]:
    done = cluster.kubectl("exec", pod, "-c", container or "gateway", "--", "holdfast", "health", seconds=SECONDS)
    return _short(line for line in done.output.splitlines() if "not ready" in line or "not alive" in line)


def _last_lines(cluster: Cluster, pod: str, container: str) -> tuple[str, ...]:
    given = ["-c", container] if container else ["--all-containers"]
    for former in (["--previous"], []):
        done = cluster.kubectl("logs", pod, *given, f"--tail={LINES}", *former, seconds=SECONDS)
        if not done.code and done.output.strip():
            return _short(f"log: {line}" for line in done.output.strip().splitlines())
    return ()


def _short(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..." for line in lines)


ASKED: dict[str, Callable[[Cluster, str, str], tuple[str, ...]]] = {
    "not_ready": _readiness,
    "probe_failed": _last_lines,
    "process_ended": _last_lines,
    "redis_absent": _last_lines,
    "bad_settings": _last_lines,
}
