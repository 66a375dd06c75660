"""Why a rollout does not get on: causes named from pod status, termination messages and events. Pure.

Each has a row: a slug, a sentence, the object, what shows it, the next command. `lasts` are those that time alone does
not cure; a rollout that has one is ended without waiting for its timeout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.cli.ops.kube import is_ending, is_ready

from .cause import Cause, short
from .refusals import missing, refusal, unschedulable, why_not
from .state import Object, State, name

IMAGE_REASONS = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
START_REASONS = {"CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun"}
NODE_REASONS = {
    "UnexpectedAdmissionError",
    "OutOfcpu",
    "OutOfmemory",
    "OutOfpods",
    "NodeAffinity",
    "Evicted",
    "NodeLost",
}
REDIS = re.compile(r"broker_unavailable|[Rr]edis|broker", re.ASCII)
SETTINGS = re.compile(r"settings cannot be used|no such setting|bad_settings", re.ASCII)
SIGKILL = 137


def causes(state: State) -> list[Cause]:
    """Return every cause that is to be seen, the one nearest to the root first, each slug once."""
    found: dict[str, Cause] = {}
    for cause in [*_of_refusals(state), *_of_pods(state), *_of_deployments(state)]:
        found.setdefault(cause.slug, cause)
    return sorted(found.values(), key=lambda one: one.rank)


# ReplicaSets whose pods the API server does not take.


def _of_refusals(state: State) -> Iterator[Cause]:
    full = {name(one) for one in state.newest_sets if _is_full(one)}
    for event in state.events_of(state.newest_sets):
        if event.get("reason") == "FailedCreate" and event["involvedObject"].get("name") not in full:
            yield refusal(str(event.get("message", "")), f"ReplicaSet {event['involvedObject'].get('name', '')}")


# Pods: what the kubelet says of them, of their containers, and how these ended.


def _of_pods(state: State) -> Iterator[Cause]:
    for pod in state.new_pods:
        if is_ending(pod):
            continue
        yield from _of_status(pod)
        for container in _containers(pod):
            yield from _of_waiting(pod, container)
            yield from _of_end(pod, container)
        if not is_ready(pod):
            yield from _of_events(pod, state.events_of([pod]))


def _of_status(pod: Object) -> Iterator[Cause]:
    status, where = pod.get("status", {}), f"pod {name(pod)}"
    reason, message = str(status.get("reason", "")), short(str(status.get("message", "")))
    if reason == "SysctlForbidden":
        node = pod.get("spec", {}).get("nodeName", "")
        yield Cause(
            "sysctl_forbidden", f"the kubelet of node {node} does not allow a kernel key of the pod", where, (message,),
            "get nodes # allow it there (--allowed-unsafe-sysctls), or podSysctls.profile: safe in VALUES",
        )  # fmt: skip
    elif reason in NODE_REASONS:
        yield Cause(
            "node_refused",
            f"the node ended the pod: {reason}",
            where,
            (message,),
            "describe nodes # make room there",
            False,
        )
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            yield unschedulable(str(condition.get("message", "")), where)


def _of_waiting(pod: Object, container: Object) -> Iterator[Cause]:
    waiting = container.get("state", {}).get("waiting") or {}
    reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
    where, evidence = _where(pod, container), (short(f"{reason}: {message}"),)
    if reason in IMAGE_REASONS:
        yield Cause(
            "wrong_image", f"the image {container.get('image', '')} cannot be had: {why_not(message, reason)}", where,
            evidence, "correct IMAGE, or image.pullSecrets in VALUES",
        )  # fmt: skip
    elif reason == "CreateContainerConfigError":
        yield missing(message, where)
    elif reason in START_REASONS:
        yield Cause(
            "bad_start",
            "the container cannot be started",
            where,
            evidence,
            "the image has to have what the chart starts: correct IMAGE",
        )


def _of_end(pod: Object, container: Object) -> Iterator[Cause]:
    """Judge how a container ended, now or the last time; one that is well again has no bad end."""
    ended = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated") or {}
    if not ended or container.get("ready") or (ended.get("exitCode") == 0 and ended.get("reason") != "OOMKilled"):
        return
    where, message = _where(pod, container), str(ended.get("message", "")).strip()
    code, restarts = ended.get("exitCode"), container.get("restartCount", 0)
    line = f"exit code {code} ({ended.get('reason', '')}), {restarts} restarts"
    evidence = (line, *(short(one) for one in message.splitlines()[-6:] if one.strip()))
    if ended.get("reason") == "OOMKilled":
        yield Cause(
            "out_of_memory",
            "the process needed more memory than its limit, and was killed",
            where,
            evidence,
            "raise resources.limits.memory, or lower admission.max_connections",
        )
    elif SETTINGS.search(message):
        yield Cause(
            "bad_settings", "the gateway cannot use its settings", where, evidence, "correct `config` in VALUES"
        )
    elif REDIS.search(message):
        yield Cause(
            "redis_absent",
            "the gateway does not get to Redis",
            where,
            evidence,
            "see redis.external, and the Service of Redis",
            restarts > 5,
        )
    elif code == SIGKILL:
        yield Cause(
            "process_ended",
            "the process was killed: it did not stop in its grace, or a probe never passed",
            where,
            evidence,
            "its last lines say why; probes.startupSeconds and the grace are in VALUES",
        )
    else:
        yield Cause(
            "process_ended", "the process ended by itself", where, evidence, "its last lines say why", restarts > 1
        )


def _of_events(pod: Object, events: list[Object]) -> Iterator[Cause]:
    for event in events:
        reason, message = event.get("reason"), str(event.get("message", ""))
        where, evidence = f"pod {name(pod)}", (short(f"{reason}: {message}"),)
        if reason == "FailedMount" and " not found" in message:
            yield missing(message, where)
        elif reason in {"FailedMount", "FailedAttachVolume"}:
            yield Cause(
                "mount",
                "a volume cannot be mounted",
                where,
                evidence,
                "get events --sort-by=.lastTimestamp # mend what it names",
                False,
            )
        elif reason == "Unhealthy" and message.startswith("Readiness probe"):
            yield Cause(
                "not_ready",
                "the gateway runs and is not ready",
                where,
                evidence,
                "its own answer names what it lacks",
                False,
            )
        elif reason == "Unhealthy":
            yield Cause(
                "probe_failed",
                f"a probe has not passed: {message.partition(' failed')[0].lower()}",
                where,
                evidence,
                "its last lines say what it waits for; probes.startupSeconds in VALUES is its time",
                False,
            )
        elif reason == "FailedScheduling":
            yield unschedulable(message, where)


def _of_deployments(state: State) -> Iterator[Cause]:
    for deployment in state.deployments:
        for condition in deployment.get("status", {}).get("conditions") or []:
            if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
                yield Cause(
                    "no_progress",
                    "no pod became ready within progressDeadlineSeconds",
                    f"deployment {name(deployment)}",
                    (short(str(condition.get("message", ""))),),
                    "get events --sort-by=.lastTimestamp # pullSeconds in VALUES is a part of that time",
                )


def _is_full(replica_set: Object) -> bool:
    """Tell whether a set has all its pods: what was refused before is over."""
    return replica_set.get("status", {}).get("replicas", 0) >= replica_set.get("spec", {}).get("replicas", 1)


def _containers(pod: Object) -> list[Object]:
    status = pod.get("status", {})
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _where(pod: Object, container: Object) -> str:
    return f"pod {name(pod)}, container {container.get('name', '')}"
