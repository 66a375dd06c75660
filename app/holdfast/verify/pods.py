"""What a control comes to where there is no systemd, or in a container with its node's kernel. Pure."""

from __future__ import annotations

import shlex
from typing import Final

from holdfast.profile import Expectation, raise_only
from holdfast.profile.facts import version_of
from holdfast.profile.render.table import pod_text
from holdfast.verify.controls import Control
from holdfast.verify.observations import Facts, Observation

# What every cluster that is still maintained allows a pod to set; newer permissions may be missing.
OLDEST_KUBERNETES: Final = "1.30"


def is_container(facts: Facts) -> bool:
    """Tell whether the facts are of a container, and not of a machine."""
    return bool(facts["host"].get("container"))


def excuse(control: Control, seen: Observation, facts: Facts) -> str:
    """Return why a control does not apply where these facts are from, "" where it has to be judged."""
    one = control.expectation
    if not is_container(facts):
        has_systemd = facts["host"].get("systemd", True)
        return "" if one.kind != "unit" or has_systemd else "this host was not started by systemd, and has no units"
    if seen.actual is None:
        return _missing(one, seen, str(facts["host"]["container"]))
    if raise_only(one, seen.actual) is None:
        return ""
    if one.kind == "listener" and seen.actual == facts["sysctls"].get("net.core.somaxconn"):
        return f"{seen.actual}, all that net.core.somaxconn grants here; {one.pod.instead or pod_text(one.pod)}"
    is_own = control.default is None or control.default == seen.actual
    if one.kind == "sysctl" and one.scope == "netns" and is_own and not _may_set(one, facts):
        return f"{seen.actual}, the kernel's own; {pod_text(one.pod)}"
    return ""


def _missing(one: Expectation, seen: Observation, place: str) -> str:
    # Of a process that cannot be looked at nothing is known; a thing that pods do not have is not missed.
    if one.pod.access == "none" and one.scope != "process":
        return "; ".join(filter(None, [f"no such thing in a {place}", one.pod.instead]))
    if one.pod.access == "host" and seen.is_absent:
        return "; ".join(filter(None, [f"the node's, and not to be seen in a {place}", one.pod.instead]))
    return ""


def _may_set(one: Expectation, facts: Facts) -> bool:
    """Tell whether any pod may have the value, and nothing else gives the gateway the same."""
    if one.pod.access != "safe" or one.pod.socket_option:
        return False
    kernel = version_of(facts["host"]["kernel"])
    since, needed = one.pod.safe_since or "0.0", one.pod.kernel_min or "0.0"
    return version_of(since) <= version_of(OLDEST_KUBERNETES) and version_of(needed) <= kernel


def where(one: Expectation, seen: Observation) -> str:
    """Return whose a value is."""
    return "the node's kernel" if one.kind in {"sysctl", "sysfs", "module"} and one.pod.access == "host" else seen.where


def fix(one: Expectation, value: str) -> str:
    """Return a command that says what is to be done where a pod is made."""
    if one.pod.access in {"safe", "unsafe"}:
        text = f"in the pod: securityContext.sysctls: [{{name: {one.key}, value: '{value}'}}]"
    elif one.pod.access == "host":
        text = (
            f"on the node: sysctl -w {one.key}='{value}'" if one.kind == "sysctl" else f"on the node: {one.key}={value}"
        )
    else:
        text = one.pod.instead or pod_text(one.pod)
    return f"echo {shlex.quote(text)}"
