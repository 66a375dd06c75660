"""Tests of what scripts/deploy/kubernetes/ decides: releases, times, differences, checks, names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scripts.clusters import deployment, pod, ready, replica_set

from deploy.kubernetes import checks, manifests, releases  # isort: skip
from deploy.kubernetes.budget import budget  # isort: skip
from deploy.kubernetes.cause import Cause  # isort: skip
from deploy.kubernetes.instances import document  # isort: skip
from deploy.kubernetes.quantities import amount  # isort: skip
from deploy.kubernetes.roll import Watch  # isort: skip
from deploy.kubernetes.state import State, progress  # isort: skip
from deploy.kubernetes.target import KubernetesTarget, image_values, target_of  # isort: skip
from deploy.kubernetes.verify import command  # isort: skip
from deploy.problems import DeployError, Exit  # isort: skip

GIVEN = {
    "environment": "staging", "context": "", "kubeconfig": "", "namespace": "", "release": "", "image": "",
    "values": "", "chart": "", "folder": "", "demo": "",
}  # fmt: skip


def revision(number: int, status: str, description: str = "Upgrade complete") -> dict[str, Any]:
    """Return a line of Helm's history."""
    return {"revision": number, "status": status, "description": description}


# releases


def test_before_is_the_revision_that_served_last():
    """One that failed in between is passed over."""
    history = [revision(1, "superseded"), revision(2, "failed"), revision(3, "deployed")]

    assert releases.before(history) == 1


def test_before_does_not_lead_to_what_was_given_up():
    """After a rollback from 2 to 1, going back again does not bring 2."""
    history = [revision(1, "superseded"), revision(2, "superseded"), revision(3, "deployed", "Rollback to 1")]

    assert releases.before(history) == 0


def test_before_leads_two_back_when_asked_twice():
    """A rollback stands for the revision that it brought."""
    history = [revision(n, "superseded") for n in (1, 2, 3)] + [revision(4, "deployed", "Rollback to 2")]

    assert releases.before(history) == 1


def test_before_takes_what_helm_still_remembers():
    """Revision 3 is forgotten; the last one that brought it back stands for it."""
    history = [
        revision(9, "superseded", "Rollback to 3"), revision(12, "failed"), revision(13, "superseded", "Rollback to 9"),
        revision(14, "deployed"),
    ]  # fmt: skip

    assert releases.before(history) == 13


def test_before_is_what_serves_where_the_last_one_failed():
    """An upgrade that failed half-way leaves the one that serves, and that is the way back."""
    assert releases.before([revision(4, "deployed"), revision(5, "failed", "Upgrade failed")]) == 4
    assert releases.before([revision(4, "deployed"), revision(5, "pending-upgrade", "Preparing")]) == 4


def test_before_of_a_first_install_is_nothing():
    """There is nothing to go back to."""
    assert releases.before([revision(1, "deployed", "Install complete")]) == 0
    assert releases.before([]) == 0


# budget


def test_budget_counts_the_pods_that_run():
    """An autoscaler has made four of two: each takes its step, the last one its drain."""
    spec = {
        "minReadySeconds": 130,
        "progressDeadlineSeconds": 310,
        "template": {"spec": {"terminationGracePeriodSeconds": 170}},
    }
    found = budget({"spec": spec}, {"spec": {"minReplicas": 2}}, running=4)

    assert (found.pods, found.timeout) == (4, 4 * 310 + 170 + 60)
    assert "given up after" in found.line()


def test_budget_of_a_fixed_number_is_that_of_the_values():
    """Without an autoscaler the values say how many there will be."""
    assert budget({"spec": {"replicas": 3}}, {}, running=7).pods == 3


# manifests


def test_secrets_are_masked_and_still_differ():
    """A changed value is seen as changed; what it is, is not."""
    one = "kind: Secret\nmetadata: {name: s}\ndata: {key: aHVudGVyMg==}\n"
    before, after = manifests.objects(one), manifests.objects(one.replace("aHV", "aHW"))

    said = "\n".join([*manifests.summary(before, after), manifests.whole_diff(before, after)])

    assert "data.key" in said
    assert "aHV" not in said
    assert "aHW" not in said


def test_summary_names_values_by_their_path():
    """A container is compared by its name, a file of settings by its keys; checksums are no news."""
    text = """
kind: Deployment
metadata: {name: d, annotations: {checksum/config: a}}
spec: {containers: [{name: gateway, image: "x:1"}]}
---
kind: ConfigMap
metadata: {name: c}
data: {holdfast.yaml: "shutdown:\\n  drain_window: 5\\n"}
"""
    after = text.replace("x:1", "x:2").replace("drain_window: 5", "drain_window: 9").replace("config: a", "config: b")

    assert manifests.summary(manifests.objects(text), manifests.objects(after)) == [
        "changed  ConfigMap c",
        "           data.holdfast.yaml.shutdown.drain_window: 5 -> 9",
        "changed  Deployment d",
        "           spec.containers[gateway].image: x:1 -> x:2",
    ]
    assert manifests.summary(manifests.objects(text), manifests.objects(text)) == ["nothing changes"]


# checks


@pytest.mark.parametrize(
    ("said", "code"),
    [("v3.16.4+g1", Exit.UNKNOWN), ("v3.17.0", Exit.FINE), ("v4.1.4+g05f", Exit.FINE), ("", Exit.UNKNOWN)],
)
def test_helm_has_to_be_new_enough(said: str, code: Exit):
    """3.17, or 4."""
    assert checks.of_helm(said).code is code


def test_kubectl_far_from_the_server_is_a_note():
    """It nearly always works; the remedy stands there, and nothing is stopped."""
    kubectl, server = checks.of_versions("v1.32.4", "v1.34.2")

    assert (kubectl.code, bool(kubectl.remedy), server.code) == (Exit.FINE, True, Exit.FINE)
    assert "note kubectl" in kubectl.line()


def test_secrets_are_held_against_what_pods_refer_to():
    """Missing, without a key, made by the chart, fine: four sentences."""
    variable = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api-key"}}}
    made = {("Deployment", "d"): {"spec": {"template": {"spec": {"containers": [{"env": [variable]}]}}}}}
    wanted = checks.wanted_secrets(made)

    assert wanted == {"keys": {"api-key"}}
    assert checks.of_secrets(wanted, {}, set())[0].remedy.startswith("kubectl create secret generic keys")
    assert "has no key api-key" in checks.of_secrets(wanted, {"keys": {"other"}}, set())[0].said
    assert checks.of_secrets(wanted, {}, {"keys"})[0].code is Exit.FINE
    assert checks.of_secrets(wanted, {"keys": {"api-key"}}, set())[0].code is Exit.FINE


def test_quotas_are_held_against_the_pods_to_come():
    """Two more of 300Mi do not go into the 500Mi that are left."""
    quota = {
        "metadata": {"name": "small"},
        "status": {"hard": {"requests.memory": "1Gi"}, "used": {"requests.memory": "524Mi"}},
    }
    one = {"containers": [{"resources": {"requests": {"memory": "300Mi"}}}]}

    assert checks.of_quotas([quota], one, 1)[0].code is Exit.FINE
    assert "600Mi, 500Mi is left of 1Gi" in checks.of_quotas([quota], one, 2)[0].said


def test_an_autoscaler_without_its_metrics_is_a_fault():
    """It would keep minReplicas for ever, silently."""
    made = {("HorizontalPodAutoscaler", "h"): {"spec": {"metrics": [{"type": "Resource"}]}}}
    found = {one.name: one.code for one in checks.of_interfaces(["apps/v1"], made)}

    assert found["metrics.k8s.io"] is Exit.FOUND
    assert found["custom.metrics.k8s.io"] is Exit.FINE


def test_a_refused_trial_pod_says_which_rule():
    """The API server's own words, under the same names as in a rollout."""
    found = checks.of_trial(
        1, 'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot', "restricted"
    )

    assert "pod-security level restricted:latest" in found.said
    assert checks.of_trial(0, "", "restricted").code is Exit.FINE


@pytest.mark.parametrize(("text", "number"), [("250m", 0.25), ("1.5Gi", 1.5 * 2**30), ("12", 12), ("1e3", 1000)])
def test_quantities_are_numbers(text: str, number: float):
    """As Kubernetes writes them."""
    assert amount(text) == pytest.approx(number)


def test_a_quantity_that_is_none_is_refused():
    """With what was expected."""
    with pytest.raises(ValueError, match="expected a quantity"):
        amount("lots")


# target


def test_a_cluster_has_to_be_named():
    """What a kubeconfig happens to point at is not taken; `local` says that a cluster is needed."""
    with pytest.raises(DeployError, match="no cluster was named") as caught:
        target_of(GIVEN | {"environment": "local"}, {})

    assert caught.value.code is Exit.UNKNOWN
    assert "KUBECONFIG=path" in caught.value.following


def test_target_takes_what_was_given(tmp_path: Path):
    """Relative files begin in the folder of the call; the command line says all of it again."""
    (tmp_path / "v.yaml").touch()
    found = target_of(GIVEN | {"context": "c", "values": "v.yaml", "folder": str(tmp_path), "namespace": "chat"}, {})

    assert found.values == (tmp_path / "v.yaml",)
    assert found.kubectl_options == ["--context=c", "--namespace=chat"]
    assert f"CONTEXT=c NAMESPACE=chat VALUES={tmp_path}/v.yaml" in found.command("plan")


@pytest.mark.parametrize(
    "wrong",
    [
        {"namespace": "Not A Name"},
        {"release": "-x"},
        {"values": "nowhere.yaml"},
        {"image": "holdfast"},
        {"environment": "x"},
        {"demo": "maybe"},
    ],
)
def test_target_refuses_what_cannot_be(wrong: dict[str, str]):
    """Bad usage, before anything is called."""
    with pytest.raises(DeployError) as caught:
        target_of(GIVEN | {"context": "c"} | wrong, {})

    assert caught.value.code is Exit.USAGE


def test_image_is_taken_apart():
    """The colon of a registry's port is not that of a tag; a digest stands for itself."""
    digest = "sha256:" + "a" * 64

    assert image_values("r.example:5000/holdfast:1.2")[:2] == [
        "--set-string=image.repository=r.example:5000/holdfast",
        "--set-string=image.tag=1.2",
    ]
    assert image_values(f"r.example:5000/holdfast@{digest}")[-1] == f"--set-string=image.digest={digest}"
    assert image_values("") == []


# roll


def cause(slug: str = "wrong_image", lasts: bool = True) -> Cause:
    """Return one."""
    return Cause(slug, "said", "pod x", ("shown",), "do", lasts)


def test_watch_gives_up_a_cause_that_lasts():
    """Only when it has stood for a while without a break."""
    watch = Watch(patience=20)

    assert watch.take([cause()], 0) is None
    assert watch.take([cause()], 19) is None
    assert watch.take([], 20) is None
    assert watch.take([cause()], 21) is None
    assert watch.take([cause()], 41) == cause()


def test_watch_waits_for_what_may_heal():
    """A pod that is not ready yet is never a reason to end it."""
    watch = Watch(patience=20)

    assert watch.take([cause("not_ready", False)], 0) is None
    assert watch.take([cause("not_ready", False)], 1000) is None
    assert watch.last == [cause("not_ready", False)]


def test_watch_says_what_is_new_once():
    """The same line is not printed again."""
    watch = Watch()

    assert watch.news("1 of 2", []) == "1 of 2"
    assert watch.news("1 of 2", []) == ""
    assert watch.news("1 of 2", [cause()]) == "1 of 2; pod x: said"


# state, verify, instances


def test_progress_counts_new_and_old_pods():
    """The pods of the newest set, those that still serve, those that drain."""
    ending = ready("c", "old")
    ending["metadata"]["deletionTimestamp"] = "2026-11-26T10:00:00Z"
    state = State(
        [deployment()], [replica_set("old", 1), replica_set("new", 2)],
        [ready("a"), pod("b"), ready("d", "old"), ending], [],
    )  # fmt: skip

    assert progress(state) == "1 of 2 new pods ready, 1 old ones serve, 1 drain"


def test_verify_asks_each_pod_by_kubectl(tmp_path: Path):
    """The same tests as on hosts, the pods as testinfra names them."""
    target = KubernetesTarget("staging", context="c", namespace="chat")
    words = command(target, ["p1", "p2"], tmp_path / "verify.xml")

    assert (
        "--hosts=kubectl://p1?namespace=chat&container=gateway&context=c,kubectl://p2?namespace=chat&container=gateway&context=c"
        in words
    )
    assert "--holdfast-profile=staging" in words


def test_instances_file_names_the_secret_and_not_what_is_in_it(monkeypatch: pytest.MonkeyPatch):
    """The recovery scripts read the admin token from the cluster, with the caller's rights."""
    monkeypatch.setattr("deploy.kubernetes.instances.program", lambda name: name)
    reference = {"secretKeyRef": {"name": "keys", "key": "admin-token"}}
    container = {"name": "gateway", "env": [{"name": "HOLDFAST_ADMIN__TOKEN", "valueFrom": reference}]}
    one = {
        "metadata": {"name": "holdfast"},
        "spec": {"selector": {"matchLabels": {"b": "2", "a": "1"}}, "template": {"spec": {"containers": [container]}}},
    }

    found = document(one, "chat", {"context": "c", "kubeconfig": ""})["kubernetes"]

    assert found == {
        "context": "c", "kubectl": "kubectl", "namespace": "chat", "deployment": "holdfast", "selector": "a=1,b=2",
        "container": "gateway", "admin_secret": "keys", "admin_secret_key": "admin-token",
    }  # fmt: skip
