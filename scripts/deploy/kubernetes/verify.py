"""`make verify TARGET=kubernetes`: hold every gateway pod against the profile, by the tests that hosts are held by."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlencode

from deploy.problems import DeployError, Exit
from deploy.verify import Row, code_of, pytest_of, results, table
from holdfast.cli.ops import kube

from . import state
from .programs import Cluster, program
from .state import Object
from .target import KubernetesTarget


def run(cluster: Cluster, say: Callable[[str], None]) -> Exit:
    """Check all gateway pods, show what is not as expected, and return the exit code.

    Raises:
        DeployError: there is no pod, or the checks could not run.
    """
    target = cluster.target
    now = state.look(cluster)
    pods = [pod for pod in now.gateways if not kube.is_ending(pod)]
    if not pods:
        raise DeployError(
            f"no gateway pods of release {target.release}", Exit.UNKNOWN, following=target.command("deploy")
        )
    target.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    report = target.folder / "verify.xml"
    rows = [*_away(pods), *_checked(cluster, [pod for pod in pods if kube.is_ready(pod)], report)]
    say(f"  report: {report}")
    for line in table(rows):
        say(f"  {line}")
    return code_of(rows)


def host(target: KubernetesTarget, pod: str) -> str:
    """Return a pod as testinfra takes it."""
    given = {"namespace": target.namespace, "container": state.CONTAINER}
    given |= {name: value for name, value in (("kubeconfig", target.kubeconfig), ("context", target.context)) if value}
    return f"kubectl://{pod}?{urlencode(given, safe='/')}"


def command(target: KubernetesTarget, pods: Sequence[str], report: Path) -> list[str]:
    """Return the command line that holds pods against the environment's profile."""
    hosts = [host(target, pod) for pod in pods]
    return [*pytest_of(target.folder, target.environment, hosts, report), "--holdfast-roles=gateway"]


def _away(pods: Sequence[Object]) -> list[Row]:
    """Return a row for each pod that cannot be looked at."""
    return [
        {"status": "unknown", "host": state.name(pod), "id": "", "actual": "the pod is not ready"}
        for pod in pods if not kube.is_ready(pod)
    ]  # fmt: skip


def _checked(cluster: Cluster, pods: Sequence[Object], report: Path) -> list[Row]:
    if not pods:
        report.unlink(missing_ok=True)
        return []
    target = cluster.target
    # Testinfra takes the first kubectl of the path.
    path = f"{Path(program('kubectl')).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    words = command(target, [state.name(pod) for pod in pods], report)
    return results(words, report, target.folder, os.environ | {"PATH": path}, target.command("doctor"))
