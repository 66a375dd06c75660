"""`make doctor TARGET=kubernetes`: gather what has to be looked at before anything is applied."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from deploy.checks import Finding
from deploy.problems import DeployError, Exit

from . import checks, plan, state
from .manifests import find
from .plan import Plan
from .programs import Cluster, loaded, program
from .target import KubernetesTarget

ENFORCED = "pod-security.kubernetes.io/enforce"


def examine(cluster: Cluster) -> tuple[list[Finding], Plan | None]:
    """Return all findings, and the plan if the chart could be rendered; what cannot be reached ends it there."""
    findings = tools()
    if not _is_fine(findings):
        return findings, None
    findings = _replaced(findings, reached(cluster))
    if not _is_fine(findings):
        return findings, None
    findings += namespace(cluster)
    try:
        made = plan.make(cluster)
    except DeployError as error:
        said = f"{error.cause}: {' '.join(error.evidence)}"
        return [*findings, Finding("values", said, error.following, code=error.code)], None
    return [
        *findings,
        Finding("values", f"the chart takes them, {len(made.after)} objects"),
        *of_plan(cluster, made),
    ], made


def tools() -> list[Finding]:
    """Judge what this machine needs."""
    found = []
    for name in ("helm", "kubectl"):
        try:
            found.append(Finding(name, program(name)))
        except DeployError as error:
            found.append(Finding(name, error.cause, error.following, code=error.code))
    return found


def reached(cluster: Cluster) -> list[Finding]:
    """Judge versions, and whether the cluster answers."""
    target = cluster.target
    helm = checks.of_helm(cluster.helm("version", "--short").output)
    done = cluster.kubectl("version", "--output=json", "--request-timeout=10s", seconds=20)
    said = loaded(done.output)
    place = target.context or target.kubeconfig or os.environ.get("KUBECONFIG", "")
    if done.code or "serverVersion" not in said:
        remedy = f"{target.kubectl('version')} has to answer"
        return [
            helm,
            Finding("cluster", f"{place} does not answer: {' '.join(done.said)[:300]}", remedy, code=Exit.UNKNOWN),
        ]
    server = said["serverVersion"]["gitVersion"]
    return [
        helm,
        *checks.of_versions(said["clientVersion"]["gitVersion"], server),
        Finding("cluster", f"{place} answers"),
    ]


def namespace(cluster: Cluster) -> list[Finding]:
    """Judge the namespace, and what we may do in it."""
    target = cluster.target
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda one: cluster.kubectl("auth", "can-i", *one).output.strip(), checks.NEEDED)
        refused = [one for one, answer in zip(checks.NEEDED, answers, strict=True) if answer != "yes"]
    found = cluster.get("namespace", target.namespace)
    level = state.labels(found).get(ENFORCED, "") if found else ""
    said = (
        f"{target.namespace}{f', pod security {level}' if level else ''}"
        if found
        else f"{target.namespace}: is made by the deploy"
    )
    return [Finding("namespace", said), checks.of_permissions(refused)]


def of_plan(cluster: Cluster, made: Plan) -> list[Finding]:
    """Judge what the cluster has for what would be applied."""
    target = cluster.target
    versions = cluster.kubectl("api-versions").output.split()
    findings = list(checks.of_interfaces(versions, made.after))
    findings.append(checks.of_nodes(cluster.items("nodes"), _most(made)))
    findings.append(checks.of_sysctls(made.pod, str(made.values.get("podSysctls", {}).get("profile", ""))))
    if not cluster.get("namespace", target.namespace):
        return findings + checks.of_secrets(checks.wanted_secrets(made.after), {}, _made(made))
    findings += checks.of_secrets(checks.wanted_secrets(made.after), _secrets(cluster), _made(made))
    running = len(state.look(cluster).gateways)
    findings += checks.of_quotas(cluster.items("resourcequotas"), made.pod, max(_fewest(made) - running, 0) + 1)
    level = state.labels(cluster.get("namespace", target.namespace)).get(ENFORCED, "")
    done = cluster.kubectl("create", "--dry-run=server", "--filename=-", stdin=plan.trial_pod(made, target))
    return [*findings, checks.of_trial(done.code, done.error, level)]


def _replaced(findings: list[Finding], better: list[Finding]) -> list[Finding]:
    """Return findings, those of the same name in their later form."""
    names = {finding.name for finding in better}
    return [*(one for one in findings if one.name not in names), *better]


def _is_fine(findings: Iterable[Finding]) -> bool:
    return all(finding.code is Exit.FINE for finding in findings)


def _secrets(cluster: Cluster) -> dict[str, set[str] | None]:
    return {state.name(one): set(one.get("data") or {}) for one in cluster.items("secrets")}


def _made(made: Plan) -> set[str]:
    return {name for kind, name in made.after if kind == "Secret"}


def _fewest(made: Plan) -> int:
    scaler = find(made.after, "HorizontalPodAutoscaler")
    return int(scaler["spec"].get("minReplicas", 1) if scaler else made.deployment.get("spec", {}).get("replicas", 1))


def _most(made: Plan) -> int:
    scaler = find(made.after, "HorizontalPodAutoscaler")
    return int(scaler["spec"].get("maxReplicas", 1)) if scaler else _fewest(made)


def where(target: KubernetesTarget) -> str:
    """Return in a line what a command works on."""
    place = target.context or target.kubeconfig or os.environ.get("KUBECONFIG", "")
    return f"release {target.release} in namespace {target.namespace} of {place}"
