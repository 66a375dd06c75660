"""Tests of scripts/deploy/kubernetes/: causes.py and refusals.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scripts.clusters import deployment, event, pod, ready, replica_set

from deploy.kubernetes.causes import causes  # isort: skip
from deploy.kubernetes.state import State  # isort: skip


def state_of(*pods: Any, events: Any = (), **status: Any) -> State:
    """Return the state of a rollout with these new pods."""
    return State([deployment(**status)], [replica_set()], list(pods), list(events))


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    """Return a container that waits."""
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def ended(message: str = "", code: int = 1, reason: str = "Error", restarts: int = 1) -> dict[str, Any]:
    """Return a container whose process has ended."""
    end = {"exitCode": code, "reason": reason, "message": message}
    return {
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": end},
        "restartCount": restarts,
    }


@pytest.mark.parametrize(
    ("container", "slug", "said"),
    [
        (waiting("ImagePullBackOff", "rpc error: holdfast:2: not found"), "wrong_image", "none of that name"),
        (waiting("ErrImagePull", "pull access denied, unauthorized"), "wrong_image", "asks for a login"),
        (
            waiting("ErrImagePull", "dial tcp: lookup registry: no such host"),
            "wrong_image",
            "does not get to the registry",
        ),
        (waiting("ErrImageNeverPull", "is not present with pull policy of Never"), "wrong_image", "not on the node"),
        (waiting("InvalidImageName", "couldn't parse image name"), "wrong_image", "no name of an image"),
        (
            waiting("CreateContainerConfigError", 'secret "keys" not found'),
            "missing_secret",
            "the secret keys is missing",
        ),
        (
            waiting("CreateContainerConfigError", "couldn't find key api-key in Secret k1/keys"),
            "missing_secret",
            "the Secret keys has no key api-key",
        ),
        (waiting("CreateContainerConfigError", 'configmap "x" not found'), "missing_config_map", "x is missing"),
        (
            waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
            "image_user",
            "would run as root",
        ),
        (waiting("RunContainerError", "exec: no such file"), "bad_start", "cannot be started"),
        (ended(code=137, reason="OOMKilled"), "out_of_memory", "more memory than its limit"),
        (ended("broker_unavailable: redis:6379 does not answer"), "redis_absent", "does not get to Redis"),
        (ended("These settings cannot be used:\n  - x: no such setting"), "bad_settings", "cannot use its settings"),
        (ended(code=137), "process_ended", "was killed"),
        (ended("Traceback"), "process_ended", "ended by itself"),
    ],
)
def test_causes_of_a_container_are_named(container: dict[str, Any], slug: str, said: str):
    """What the kubelet says of a container, or how its process ended, has one slug and one sentence."""
    found = causes(state_of(pod(container=container)))

    assert (found[0].slug, said in found[0].said) == (slug, True)
    assert found[0].evidence
    assert found[0].following


@pytest.mark.parametrize(
    ("message", "slug"),
    [
        ("pods \"x\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2", "quota"),
        ("pods \"x\" is forbidden: failed quota: q: must specify limits.cpu for: gateway", "quota"),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation', "pod_security"),
        ("pods is forbidden: maximum memory usage per Container is 64Mi, but limit is 1Gi", "limit_range"),
        ('pods "x" is forbidden: looking up k1/holdfast: serviceaccount "holdfast" not found', "service_account"),
        ("admission webhook refused it", "pods_refused"),
    ],
)  # fmt: skip
def test_causes_of_refused_pods_come_from_their_set(message: str, slug: str):
    """A pod that the API server does not take exists nowhere; its ReplicaSet has the event."""
    found = causes(state_of(events=[event(replica_set(), "FailedCreate", message)]))

    assert [one.slug for one in found] == [slug]


def test_causes_leave_out_refusals_of_a_set_that_is_full():
    """What was refused a while ago, and made since, is no cause any more."""
    full = replica_set(replicas=1)
    state = State([deployment()], [full], [], [event(full, "FailedCreate", "exceeded quota: small, requested")])

    assert causes(state) == []


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("0/2 nodes are available: 2 Insufficient memory.", "memory left"),
        ("0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints.", "different nodes"),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {x: y}.", "taint"),
        ("no nodes available to schedule pods", "no node that is ready"),
        ("something new", "no node takes the pod"),
    ],
)
def test_causes_of_a_pod_without_a_node_are_named(message: str, said: str):
    """What the scheduler misses is told; it does not last, for a node may come."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    found = causes(state_of(pod(conditions=[condition])))

    assert found[0].slug == "unschedulable"
    assert said in found[0].said
    assert not found[0].lasts


def test_causes_of_a_refused_kernel_key_name_the_node():
    """A kubelet that does not allow a key fails the pod for good."""
    found = causes(
        state_of(pod(phase="Failed", reason="SysctlForbidden", message='forbidden sysctl: "net.core.somaxconn"'))
    )

    assert (found[0].slug, found[0].lasts) == ("sysctl_forbidden", True)
    assert "node n1" in found[0].said


def test_causes_put_the_root_before_what_it_leads_to():
    """A missing secret, a probe and the deadline at the same time: the secret comes first."""
    one = pod(container=waiting("CreateContainerConfigError", 'secret "keys" not found'))
    conditions = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "timed out"}]
    state = state_of(one, events=[event(one, "Unhealthy", "Startup probe failed: refused")], conditions=conditions)

    assert [cause.slug for cause in causes(state)] == ["missing_secret", "probe_failed", "no_progress"]


def test_causes_look_at_new_pods_alone():
    """An old pod that is ill is not why the new ones do not come."""
    state = State(
        [deployment()], [replica_set("old", 1), replica_set("new", 2)],
        [pod("holdfast-old-1", "old", container=ended(code=137, reason="OOMKilled")), ready("holdfast-new-1")], [],
    )  # fmt: skip

    assert causes(state) == []


def test_causes_forget_the_bad_end_of_a_container_that_is_well():
    """A process that ended once and serves now is no cause."""
    container = {**ended("x"), "ready": True, "state": {"running": {}}}

    assert causes(state_of(pod(container=container))) == []


def test_causes_of_a_pod_that_is_not_ready_wait():
    """Readiness comes by itself where Redis comes back; nothing is given up for it."""
    one = pod(container={"state": {"running": {}}})
    found = causes(
        state_of(
            one, events=[event(one, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")]
        )
    )

    assert [(cause.slug, cause.lasts) for cause in found] == [("not_ready", False)]


def test_causes_of_a_volume_name_the_secret():
    """A Secret that is mounted and missing is told as one that a variable refers to."""
    one = pod()
    found = causes(
        state_of(one, events=[event(one, "FailedMount", 'MountVolume.SetUp failed: secret "tls" not found')])
    )

    assert [cause.slug for cause in found] == ["missing_secret"]
