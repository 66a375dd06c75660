"""What the messages of API server, scheduler and kubelet mean, by tables of patterns. Pure."""

from __future__ import annotations

import re

from .cause import Cause, short


def refusal(message: str, where: str) -> Cause:
    """Return why the API server refused a pod."""
    evidence = (short(message),)
    for pattern, slug, said, following in _REFUSALS:
        if match := re.search(pattern, message):
            return Cause(slug, said.format(*match.groups()), where, evidence, following)
    return Cause(
        "pods_refused",
        "the API server refuses the pods",
        where,
        evidence,
        "get events --sort-by=.lastTimestamp # mend what they name",
    )


_REFUSALS = (
    (r"exceeded quota: ([^,]+)", "quota", "the namespace's ResourceQuota {0} is used up",
     "describe resourcequota # raise it, or lower resources and maxReplicas"),
    (r"failed quota: ([^:]+): must specify (\S+)", "quota", "the ResourceQuota {0} wants every container to say {1}",
     "describe resourcequota # give resources in VALUES"),
    (r"forbidden sysctl|sysctls? .*not allowed|SysctlForbidden", "sysctl_forbidden",
     "a kernel key of the pod is not allowed", "get nodes # allow it in the kubelets, or podSysctls.profile: safe"),
    (r'violates PodSecurity "([^"]+)"', "pod_security", "the namespace's pod-security level {0} refuses the pods",
     "get namespace --show-labels # what it refuses stands in the evidence"),
    (r"(maximum|minimum) (\w+) usage per (\w+)", "limit_range", "the namespace's LimitRange sets a {0} of {1} per {2}",
     "describe limitrange # change it, or resources in VALUES"),
    (r'serviceaccount "([^"]+)" not found', "service_account", "the service account {0} is missing",
     "get serviceaccounts # or serviceAccount.create: true"),
)  # fmt: skip


def unschedulable(message: str, where: str) -> Cause:
    """Return why no node takes a pod; room may come by itself, where nodes are added."""
    said = next((said for pattern, said in _PLACES if re.search(pattern, message)), "no node takes the pod")
    return Cause(
        "unschedulable", said, where, (short(message),), "describe nodes # make room, or ask for less in VALUES", False
    )


_PLACES = (
    (r"Insufficient (cpu|memory)", "no node has the CPU or memory left that the pod asks for"),
    (r"topology spread", "the pods have to be on different nodes, and none is left"),
    (r"untolerated taint", "every node has a taint that the pod does not put up with"),
    (r"node affinity|node selector|node\(s\) didn't match Pod's", "no node has the labels that the pod asks for"),
    (r"no nodes available", "the cluster has no node that is ready"),
)


def missing(message: str, where: str) -> Cause:
    """Return what a container's configuration lacks."""
    evidence = (short(message),)
    if match := re.search(r"couldn\'t find key (\S+) in (Secret|ConfigMap) \S+?/(\S+)", message):
        slug = "missing_secret" if match[2] == "Secret" else "missing_config_map"
        said = f"the {match[2]} {match[3]} has no key {match[1]}"
        return Cause(slug, said, where, evidence, f"describe {match[2].lower()} {match[3]} # add the key")
    if match := re.search(r'(secret|configmap) "([^"]+)" not found', message):
        slug = "missing_secret" if match[1] == "secret" else "missing_config_map"
        return Cause(slug, f"the {match[1]} {match[2]} is missing", where, evidence, f"get {match[1]}s # make it")
    if "runAsNonRoot" in message or "run as root" in message:
        return Cause(
            "image_user",
            "the image would run as root, which the pod forbids",
            where,
            evidence,
            "give runAsUser in VALUES, or another image",
        )
    return Cause(
        "bad_start",
        "the container's configuration cannot be used",
        where,
        evidence,
        "get events --sort-by=.lastTimestamp # mend what they name",
    )


def why_not(message: str, reason: str) -> str:
    """Return why an image cannot be had."""
    for pattern, said in _PULLS:
        if re.search(pattern, message):
            return said
    return short(message, 160) or reason


_PULLS: tuple[tuple[str, str], ...] = (
    (r"not found|manifest unknown|does not exist", "there is none of that name and tag"),
    (r"unauthorized|denied|forbidden|no basic auth", "the registry asks for a login, or refuses it"),
    (
        r"no such host|i/o timeout|connection refused|dial tcp|network is unreachable",
        "the node does not get to the registry",
    ),
    (r"never pull|ErrImageNeverPull|is not present", "it is not on the node, and may not be pulled"),
    (r"couldn't parse image|invalid reference", "that is no name of an image"),
)
