"""`make deploy TARGET=kubernetes` on the cluster that KUBECONFIG names: it rolls, names causes, goes back, heals."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cluster.images import Images
from tests.runbooks import READ_ONLY, RUNBOOKS
from tests.scripts import deploying  # noqa: F401 - lets `deploy` be imported

from deploy.kubernetes.front_door import forwarded  # isort: skip
from deploy.kubernetes.programs import Cluster  # isort: skip
from deploy.kubernetes.target import KubernetesTarget  # isort: skip

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "holdfast-deploy"
GATEWAYS = "app.kubernetes.io/component=gateway"
pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

# One node is enough, and nothing waits longer than it must.
VALUES: dict[str, Any] = {
    "autoscaling": {"enabled": False},
    "replicaCount": 2,
    "resources": {"requests": {"cpu": "200m", "memory": "200Mi"}, "limits": {"memory": "300Mi"}},
    "topologySpreadConstraints": [
        {
            "topologyKey": "kubernetes.io/hostname",
            "maxSkew": 1,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {},
        }
    ],
    "config": {
        "shutdown": {"propagation_wait": 4, "drain_window": 5, "timeout": 2},
        "admission": {"max_connections": 1000},
    },
    "capacity": {"descriptorsPerPod": 20000},
    "minReadySeconds": 5,
    "pullSeconds": 20,
    "stopMarginSeconds": 5,
}
REFUSED_KEY = {
    "podSysctls": {
        "profile": "unsafe",
        "acknowledgeUnsafe": True,
        "unsafe": [{"name": "kernel.msgmax", "value": "65536"}],
    }
}
# The chart refuses what is too little by its arithmetic; so it is told that nothing costs anything.
TOO_LITTLE = {
    "resources": {"requests": {"memory": "40Mi"}, "limits": {"memory": "40Mi"}},
    "capacity": {"instanceBytes": 1, "bytesPerConnection": 1},
}
SOON = {"probes": {"startupSeconds": 20}, "progressDeadlineSeconds": 60}


@dataclass
class Deploy:
    """The program, on a namespace of its own; `folder` has its values."""

    folder: Path
    image: str
    said: str = ""
    """By the first deploy."""

    def __call__(self, command: str, image: str = "", **values: Any) -> subprocess.CompletedProcess[str]:
        """Run a command with these values beside the usual ones."""
        files = [self.folder / "usual.yaml"]
        if values:
            files.append(self.folder / "more.yaml")
            files[-1].write_text(yaml.safe_dump(values))
        words = [
            sys.executable, "scripts/deploy.py", command, "--target=kubernetes", "--environment=local",
            f"--namespace={NAMESPACE}", f"--image={image or self.image}", "--confirm=local",
            f"--values={','.join(map(str, files))}",
        ]  # fmt: skip
        return subprocess.run(
            words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=800, check=False,
        )  # fmt: skip

    def revisions(self) -> list[dict[str, Any]]:
        """Return what Helm remembers."""
        done = tool("helm", "history", "holdfast", "--output=json")
        return list(json.loads(done.stdout)) if done.returncode == 0 else []


def tool(name: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run kubectl or Helm in the namespace."""
    command = [os.environ.get(name.upper(), name), f"--namespace={NAMESPACE}", *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=300, check=False)


def pods() -> list[dict[str, Any]]:
    """Return the gateway's pods that serve."""
    found = json.loads(tool("kubectl", "get", "pods", "-lapp.kubernetes.io/component=gateway", "-ojson").stdout)[
        "items"
    ]
    return [
        one for one in found
        if any(c["type"] == "Ready" and c["status"] == "True" for c in one["status"].get("conditions", []))
    ]  # fmt: skip


@pytest.fixture(scope="module")
def deploy(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deploy]:
    """A release that serves; the namespace is new, and goes afterwards."""
    tool("kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    found = Deploy(tmp_path_factory.mktemp("deploy"), images.gateway)
    trial = {"image": images.redis, "command": ["redis-server"]}
    (found.folder / "usual.yaml").write_text(yaml.safe_dump(VALUES | {"redis": {"trial": trial}}))
    found.said = found("deploy").stdout
    assert "message ok" in found.said, found.said
    yield found
    tool("kubectl", "delete", "namespace", NAMESPACE, "--wait=false")


def test_doctor_finds_nothing_wrong(deploy: Deploy) -> None:
    """On a cluster that has what the chart asks for."""
    done = deploy("doctor")

    assert (done.returncode, "All is well" in done.stdout) == (0, True), done.stdout


def test_plan_shows_a_change_and_makes_none(deploy: Deploy) -> None:
    """A value by its path; secrets are not shown; Helm has no new revision."""
    before = len(deploy.revisions())
    done = deploy("plan", config={"admission": {"max_connections": 999}})

    assert "data.holdfast.yaml.admission.max_connections: 1000 -> 999" in done.stdout, done.stdout
    assert "given up after" in done.stdout
    assert len(deploy.revisions()) == before


def test_deploy_of_the_same_rolls_nothing(deploy: Deploy) -> None:
    """A second run checks, and makes no revision that a rollback would lead to."""
    before = len(deploy.revisions())
    done = deploy("deploy")

    assert "nothing changes" in done.stdout
    assert "message ok" in done.stdout, done.stdout
    assert len(deploy.revisions()) == before


def test_deploy_leads_to_a_page_whose_login_counts_at_both_pods(deploy: Deploy) -> None:
    """What the last lines say opens the demo; pods know users and each other's sessions; no log has the password."""
    lines = re.search(r"port-forward service/holdfast 8000:8000; .*\nDemo: .*/demo .* password (\S+)\n", deploy.said)
    assert lines is not None, deploy.said
    cluster = Cluster(KubernetesTarget(namespace=NAMESPACE))
    first, second = (one["metadata"]["name"] for one in pods())
    with (
        forwarded(cluster, (f"pod/{first}", 8000)) as here, forwarded(cluster, (f"pod/{second}", 8000)) as there,
        httpx.Client(timeout=60, headers={"content-type": "application/json"}) as browser,
    ):  # fmt: skip
        page = browser.get(f"http://127.0.0.1:{here}/demo/")
        logins = [
            browser.post(f"http://127.0.0.1:{port}/auth/login", json={"username": user, "password": lines[1]})
            for port, user in ((there, "bob"), (here, "alice"))
        ]
        elsewhere = browser.post(f"http://127.0.0.1:{there}/auth/refresh", content="{}")

    assert (page.status_code, [one.status_code for one in logins]) == (200, [200, 200])
    assert (elsewhere.status_code, elsewhere.json()["user"]["id"]) == (200, "alice")
    assert lines[1] not in "".join(tool("kubectl", "logs", name).stdout for name in (first, second))


@pytest.mark.parametrize(
    ("slug", "image", "values"),
    [
        ("wrong_image", "localhost/there-is-none:9", {}),
        ("sysctl_forbidden", "", REFUSED_KEY),
        # A minute each, until it is certain.
        pytest.param("out_of_memory", "", TOO_LITTLE, marks=pytest.mark.proof),
        pytest.param("unschedulable", "", {"nodeSelector": {"nobody": "has-this"}, **SOON}, marks=pytest.mark.proof),
        ("bad_settings", "", {"extraEnv": [{"name": "HOLDFAST_NO_SUCH", "value": "1"}]}),
    ],
)
def test_deploy_names_the_cause_and_what_served_goes_on(
    deploy: Deploy, slug: str, image: str, values: dict[str, Any]
) -> None:
    """The pods of before are the same; the cause has its evidence and the next command."""
    before = {one["metadata"]["uid"] for one in pods()}
    done = deploy("deploy", image, **values)

    assert done.returncode == 1, done.stdout
    assert f"| {slug}: " in done.stdout, done.stdout
    assert "Next: " in done.stdout
    assert {one["metadata"]["uid"] for one in pods()} == before
    assert deploy.revisions()[-1]["status"] == "deployed"


@pytest.mark.proof
def test_deploy_names_a_redis_that_is_not_there(deploy: Deploy) -> None:
    """New pods run and are not ready; their own answer says why."""
    redis = {"trial": {"enabled": False}, "external": {"addresses": ["nowhere.invalid:6379"]}}
    done = deploy("deploy", redis=redis, **SOON)

    assert done.returncode == 1, done.stdout
    assert "nowhere.invalid" in done.stdout, done.stdout
    assert len(pods()) == 2


def test_deploy_refuses_a_quota_that_is_used_up_and_heals(deploy: Deploy) -> None:
    """Before anything is applied: the API server judged a pod like ours."""
    tool("kubectl", "create", "quota", "small", "--hard=pods=3")
    done = deploy("doctor")
    tool("kubectl", "delete", "quota", "small")

    assert done.returncode == 1, done.stdout
    assert "quota small" in done.stdout, done.stdout
    assert deploy("doctor").returncode == 0


def test_rollback_brings_back_what_served(deploy: Deploy) -> None:
    """The revision before, and not one that failed."""
    assert "message ok" in deploy("deploy", config={"admission": {"max_connections": 999}}).stdout
    done = deploy("rollback")

    assert done.returncode == 0, done.stdout
    assert "Back at revision" in done.stdout, done.stdout
    values = json.loads(tool("helm", "get", "values", "holdfast", "-ojson").stdout)
    assert values["config"]["admission"]["max_connections"] == 1000
    assert "message ok" in done.stdout


def test_restart_replaces_every_pod(deploy: Deploy) -> None:
    """All anew, and it serves."""
    before = {one["metadata"]["uid"] for one in pods()}
    done = deploy("restart")

    assert done.returncode == 0, done.stdout
    assert before.isdisjoint(one["metadata"]["uid"] for one in pods())


@pytest.mark.proof
def test_recovery_scripts_work_on_pods(deploy: Deploy) -> None:
    """By the file that a deploy has written: all pods, one pod, and a bundle of each."""
    given = ["--instances", str(ROOT / ".cache/deploy/kubernetes-local/instances.yaml"), "--yes", "--reason", "drill"]
    first = ""
    for words in (
        ["restart_rolling", "--steady", "2"],
        ["drain_instance", "POD"],
        ["drain_instance", "POD", "--back"],
        ["restart_rolling", "--only", "POD", "--steady", "2"],
        ["rebalance"],
        ["collect_diagnostics", "--output", str(deploy.folder / "bundles")],
    ):
        if "--back" not in words:
            first = pods()[0]["metadata"]["name"]
        command = [sys.executable, f"scripts/{words[0]}.py", *(first if w == "POD" else w for w in words[1:]), *given]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)

        assert done.returncode == 0, f"{words}: {done.stdout} {done.stderr}"
    assert len(list((deploy.folder / "bundles").iterdir())) == 2


def test_read_only_commands_of_runbooks_run(deploy: Deploy) -> None:
    """Each once, whichever book has it; on a cluster that is well they end well."""
    books = [book for book in RUNBOOKS if book.is_for_clusters]
    lines = dict.fromkeys(line for book in books for line in book.lines(READ_ONLY) if not line.startswith("make "))
    # Of the checkout, where the machine has none.
    programs = [str(Path(os.environ[name]).parent) for name in ("KUBECTL", "HELM")]
    setup = {
        "PATH": os.pathsep.join([*programs, os.environ["PATH"]]),
        "ENV": "local",
        "NAMESPACE": NAMESPACE,
        "RELEASE": "holdfast",
        "PODS": "app.kubernetes.io/component=gateway",
    }
    faults = {}
    for line in lines:
        done = subprocess.run(
            ["bash", "-c", line],
            env=os.environ | setup,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            faults[line] = done.stderr[-300:]

    assert faults == {}


def test_deploy_refuses_a_missing_secret_and_heals(deploy: Deploy) -> None:
    """Before anything is applied, with the command that makes it."""
    secrets = {"create": False, "existingSecret": "ours"}
    done = deploy("deploy", secrets=secrets)

    assert done.returncode == 1, done.stdout
    assert "kubectl create secret generic ours" in done.stdout, done.stdout

    keys = ("admin-token", "api-key", "redis-password", "token-hmac-secret")
    tool("kubectl", "create", "secret", "generic", "ours", *(f"--from-literal={key}={'k' * 40}" for key in keys))
    done = deploy("deploy", secrets=secrets)

    assert "message ok" in done.stdout, done.stdout
