"""Judges what `make doctor TARGET=kubernetes` has gathered: each fault with its remedy. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deploy.checks import Finding
from deploy.problems import Exit

from .quantities import amount, shown
from .refusals import refusal

Object = dict[str, Any]
OLDEST_HELM = ((3, 17), (4, 0))
OLDEST_SERVER = (1, 30)
MOST_SKEW = 1
# What is done to a namespace in a deploy, each by kubectl's words.
NEEDED = (
    ("create", "deployments.apps"), ("patch", "deployments.apps"), ("create", "services"), ("create", "configmaps"),
    ("create", "secrets"), ("list", "pods"), ("get", "pods/log"), ("create", "pods/exec"),
    ("create", "pods/portforward"), ("list", "events"), ("create", "poddisruptionbudgets.policy"),
    ("create", "horizontalpodautoscalers.autoscaling"),
    ("create", "networkpolicies.networking.k8s.io"),
)  # fmt: skip


def version(text: str) -> tuple[int, ...]:
    """Return the numbers of a version, () where there are none."""
    match = re.search(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(one) for one in match.groups() if one) if match else ()


def of_helm(text: str) -> Finding:
    """Judge Helm's version: 3.17 or newer, or 4."""
    found = version(text)
    oldest = OLDEST_HELM[0] if found[:1] == (3,) else OLDEST_HELM[1]
    if not found or found[:2] < oldest:
        return _fault("helm", text.strip() or "gives no version", "install 3.17 or newer, or 4", Exit.UNKNOWN)
    return Finding("helm", ".".join(map(str, found)))


def of_versions(client: str, server: str) -> list[Finding]:
    """Judge the server's version, and kubectl's beside it."""
    ours, theirs = version(client), version(server)
    if not theirs:
        return [_fault("server", "gives no version", "kubectl version", Exit.UNKNOWN)]
    found = [Finding("server", f"Kubernetes {'.'.join(map(str, theirs))}")]
    if theirs[:2] < OLDEST_SERVER:
        found = [_fault("server", f"Kubernetes {server}", f"expected {_dotted(OLDEST_SERVER)} or newer: upgrade it")]
    skew = abs(ours[1] - theirs[1]) if len(ours) > 1 else 0
    said = ".".join(map(str, ours)) or "gives no version"
    if skew > MOST_SKEW:
        # It works nearly always; that it is not promised is worth a line, and no reason to stop.
        remedy = f"{skew} minor versions from the server's, one is supported: install kubectl {_dotted(theirs[:2])}"
        return [Finding("kubectl", said, remedy), *found]
    return [Finding("kubectl", said), *found]


def of_permissions(refused: Sequence[tuple[str, str]]) -> Finding:
    """Judge what `kubectl auth can-i` refused."""
    if refused:
        named = ", ".join(f"{verb} {kind}" for verb, kind in refused)
        return _fault(
            "permission", f"refused: {named}", "ask for a role in the namespace that allows them (`edit` has them)"
        )
    return Finding("permission", f"all {len(NEEDED)} verbs that a deploy needs")


def of_interfaces(versions: Sequence[str], made: Mapping[tuple[str, str], Object]) -> Iterator[Finding]:
    """Judge what the cluster serves beside Kubernetes itself, against the kinds that the chart made."""
    kinds = {kind for kind, _ in made}
    groups = {one.partition("/")[0] for one in versions}
    for name, group, kind, remedy in _INTERFACES:
        is_there, is_wanted = group in groups, kind in kinds
        if is_wanted and not is_there:
            yield _fault(name, f"the chart makes a {kind}, and the cluster does not know it", remedy)
        else:
            yield Finding(name, "there" if is_there else "not there, and not asked for")
    yield from _of_metrics(groups, made)


_INTERFACES = (
    ("gateway API", "gateway.networking.k8s.io", "HTTPRoute", "install its CRDs and a controller, or use ingress"),
    ("ServiceMonitor", "monitoring.coreos.com", "ServiceMonitor", "metrics.serviceMonitor.enabled: auto"),
)


def _of_metrics(groups: set[str], made: Mapping[tuple[str, str], Object]) -> Iterator[Finding]:
    metrics = [
        metric for (kind, _), one in made.items() if kind == "HorizontalPodAutoscaler"
        for metric in one.get("spec", {}).get("metrics", [])
    ]  # fmt: skip
    wanted = {"Resource": "metrics.k8s.io", "Pods": "custom.metrics.k8s.io"}
    for kind, group in wanted.items():
        is_used = any(metric.get("type") == kind for metric in metrics)
        if is_used and group not in groups:
            remedy = {
                "Resource": "install metrics-server, or the autoscaler keeps minReplicas",
                "Pods": "install prometheus-adapter with the chart's rule, or autoscaling.connections.enabled: auto",
            }[kind]
            yield _fault(group, "the autoscaler needs it, and the cluster does not serve it", remedy)
        else:
            yield Finding(group, "there" if group in groups else "not there, and not needed")


def of_secrets(wanted: Mapping[str, set[str]], there: Mapping[str, set[str] | None], made: set[str]) -> list[Finding]:
    """Judge the Secrets that pods refer to: `there` has each one's keys, None for one that is missing."""
    found = []
    for secret, keys in sorted(wanted.items()):
        if secret in made:
            found.append(Finding(f"secret {secret}", "made by the chart"))
            continue
        present = there.get(secret)
        if present is None:
            literals = " ".join(f"--from-literal={key}=..." for key in sorted(keys))
            found.append(_fault(f"secret {secret}", "is missing", f"kubectl create secret generic {secret} {literals}"))
        elif missing := sorted(keys - present):
            found.append(
                _fault(
                    f"secret {secret}",
                    f"has no key {', '.join(missing)}",
                    f"add it, or name another in secrets.keys; it has {', '.join(sorted(present)) or 'none'}",
                )
            )
        else:
            found.append(Finding(f"secret {secret}", f"has {', '.join(sorted(keys)) or 'what is needed'}"))
    return found


def wanted_secrets(made: Mapping[tuple[str, str], Object]) -> dict[str, set[str]]:
    """Return the Secrets that workloads refer to, with the keys that have to be in them."""
    found: dict[str, set[str]] = {}
    for (kind, _), one in made.items():
        pod = one.get("spec", {}).get("template", {}).get("spec", {}) if kind == "Deployment" else {}
        for container in pod.get("containers", []):
            for variable in container.get("env") or []:
                reference = (variable.get("valueFrom") or {}).get("secretKeyRef") or {}
                if reference and not reference.get("optional"):
                    found.setdefault(reference["name"], set()).add(reference["key"])
        for volume in pod.get("volumes") or []:
            secret = volume.get("secret") or {}
            if secret and not secret.get("optional"):
                found.setdefault(secret["secretName"], set()).update(one["key"] for one in secret.get("items") or [])
    return found


def of_quotas(quotas: Sequence[Object], pod: Object, more: int) -> list[Finding]:
    """Judge whether every quota has room for `more` pods such as this one at the same time."""
    asked = {name: value * more for name, value in pod_resources(pod).items()}
    found = []
    for quota in quotas:
        status = quota.get("status", {})
        hard, used = status.get("hard", {}), status.get("used", {})
        for name, most in sorted(hard.items()):
            need = asked.get(name)
            left = amount(most) - amount(used.get(name, "0"))
            if need is not None and need > left:
                found.append(_fault(
                    f"quota {quota['metadata']['name']}", f"{name}: {more} more pods ask for {shown(need, name)}, "
                    f"{shown(max(left, 0), name)} is left of {most}",
                    "raise it (kubectl edit resourcequota), or lower resources or the number of pods",
                ))  # fmt: skip
    return found or [Finding("quotas", "room for what is asked" if quotas else "none")]


def pod_resources(pod: Object) -> dict[str, float]:
    """Return what a pod takes of a quota, by the names that quotas have."""
    found: dict[str, float] = {"pods": 1, "count/pods": 1}
    for container in pod.get("containers", []):
        for part in ("requests", "limits"):
            for name, value in ((container.get("resources") or {}).get(part) or {}).items():
                for key in (f"{part}.{name}", *((name,) if part == "requests" else ())):
                    found[key] = found.get(key, 0) + amount(value)
    return found


def of_trial(code: int, said: str, level: str) -> Finding:
    """Judge what the API server said of a pod like ours, sent without effect."""
    if not code:
        return Finding("admission", f"a pod like ours is taken{f', pod security {level}' if level else ''}")
    cause = refusal(said, "")
    return _fault("admission", f"{cause.said}: {cause.evidence[0]}", f"kubectl {cause.following.replace(' # ', ': ')}")


def of_sysctls(pod: Object, sysctls_profile: str) -> Finding:
    """Say which kernel keys a pod sets; whether kubelets allow unsafe ones is known when one refuses."""
    names = [one["name"] for one in (pod.get("securityContext") or {}).get("sysctls") or []]
    if sysctls_profile == "unsafe":
        remedy = (
            "no API says what kubelets allow: each node needs --allowed-unsafe-sysctls; a refused pod names its node"
        )
        return Finding("sysctls", f"{len(names)}, unsafe ones too", remedy)
    return Finding("sysctls", f"{len(names)}, all safe in this Kubernetes" if names else "none are set")


def of_nodes(nodes: Sequence[Object], most_pods: int) -> Finding:
    """Judge whether there are nodes, and enough of them for what the pods ask of each other."""
    ready = [one for one in nodes if _is_ready(one) and not one.get("spec", {}).get("unschedulable")]
    if not ready:
        return _fault("nodes", f"none of {len(nodes)} is ready and takes pods", "kubectl get nodes")
    remedy = "with one node its end is the end of all gateways" if len(ready) == 1 and most_pods > 1 else ""
    return Finding("nodes", f"{len(ready)} of {len(nodes)} take pods", remedy)


def _is_ready(node: Object) -> bool:
    return any(
        one.get("type") == "Ready" and one.get("status") == "True" for one in node["status"].get("conditions", [])
    )


def _fault(name: str, said: str, remedy: str, code: Exit = Exit.FOUND) -> Finding:
    return Finding(name, said, remedy, code=code)


def _dotted(numbers: Sequence[int]) -> str:
    return ".".join(map(str, numbers))
