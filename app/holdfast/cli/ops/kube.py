"""Pods of one release, by the `kubectl` program: its configuration and rights, never a question."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from dataclasses import dataclass, field
from typing import Any, Final

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.tunnels import PortTunnel, free_port

RUN_SECONDS: Final = 60.0
INTERNAL_PORT: Final = 9000
_SHOWN: Final = 300
_OVER: Final = ("Failed", "Succeeded")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")


@dataclass(slots=True)
class Pods:
    """Where a release's pods are: the part `kubernetes` of the instances file.

    `deployment` is restarted as a whole, `selector` finds its pods, the admin token is read from `admin_secret`.
    An empty `kubeconfig` or `context` is the user's own.
    """

    namespace: str
    deployment: str
    selector: str
    container: str = "gateway"
    port: int = INTERNAL_PORT
    kubeconfig: str = ""
    context: str = ""
    kubectl: str = "kubectl"
    admin_secret: str = ""
    admin_secret_key: str = "admin-token"  # noqa: S105 - the name of a key, not a secret


def faults(pods: Pods) -> list[str]:
    """Return what of the file cannot be used."""
    names = ("namespace", "deployment", "admin_secret")
    found = [
        f"kubernetes: `{name}`: expected a name of Kubernetes, got {getattr(pods, name)[:64]!r}"
        for name in names
        if (getattr(pods, name) or name != "admin_secret") and not _NAME.fullmatch(getattr(pods, name))
    ]
    if not pods.selector or pods.selector.startswith("-"):
        found.append(f"kubernetes: `selector`: expected labels such as app=holdfast, got {pods.selector[:64]!r}")
    return found


@dataclass(slots=True)
class Cluster:
    """The cluster of a release, as kubectl reaches it."""

    pods: Pods
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"namespace {self.pods.namespace}"

    # Public methods

    def words(self, *words: str) -> list[str]:
        """Return a command line of kubectl's."""
        given = [f"--kubeconfig={self.pods.kubeconfig}"] if self.pods.kubeconfig else []
        given += [f"--context={self.pods.context}"] if self.pods.context else []
        return [self.pods.kubectl, *given, f"--namespace={self.pods.namespace}", *words]

    def run(self, *words: str, given: str = "", seconds: float = RUN_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run it and return how it ended.

        Raises:
            CliError: there is no kubectl, or it took too long.
        """
        try:
            return subprocess.run(
                self.words(*words), input=given, capture_output=True, text=True, timeout=seconds, check=False
            )
        except FileNotFoundError:
            raise self.absent() from None
        except subprocess.TimeoutExpired:
            raise CliError(f"{self.name}: `kubectl {words[0]}` took longer than {seconds:g} s", Exit.UNKNOWN) from None

    def do(self, *words: str, given: str = "") -> str:
        """Run it and return what it prints.

        Raises:
            CliError: see `run`; or it failed.
        """
        done = self.run(*words, given=given)
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-_SHOWN:]
            raise CliError(
                f"{self.name}: `kubectl {' '.join(words[:2])}` failed: {said}\n  {self.remedy()}", Exit.UNKNOWN
            )
        return done.stdout

    def all(self) -> list[dict[str, Any]]:
        """Return the release's pods, those that end too, by name."""
        found = json.loads(self.do("get", "pods", f"--selector={self.pods.selector}", "--output=json"))["items"]
        return sorted(found, key=lambda one: str(one["metadata"]["name"]))

    def running(self) -> list[dict[str, Any]]:
        """Return those that are not told to go, and neither refused nor ended by a kubelet."""
        return [one for one in self.all() if not is_ending(one) and one["status"].get("phase") not in _OVER]

    def one(self, name: str) -> dict[str, Any]:
        """Return a pod, {} where there is none."""
        text = self.do("get", "pod", name, "--output=json", "--ignore-not-found")
        return dict(json.loads(text)) if text.strip() else {}

    def admin_token(self) -> str:
        """Return the token of the admin paths from its Secret, "" where the file names none.

        Raises:
            CliError: it is not there.
        """
        if not self.pods.admin_secret:
            return ""
        text = self.do("get", "secret", self.pods.admin_secret, "--output=json")
        data: dict[str, str] = json.loads(text).get("data") or {}
        if self.pods.admin_secret_key not in data:
            raise CliError(f"the Secret {self.pods.admin_secret} has no key {self.pods.admin_secret_key}", Exit.USAGE)
        return base64.b64decode(data[self.pods.admin_secret_key]).decode().strip()

    def tunnel(self, pod: str) -> PortTunnel:
        """Return a way to a pod's internal port; it is open from the first use on."""
        local = free_port()
        command = self.words("port-forward", "--address=127.0.0.1", f"pod/{pod}", f"{local}:{self.pods.port}")
        return PortTunnel(self, command, local)

    def remedy(self) -> str:
        """Return what to try when it is not reached."""
        return f"Try `{' '.join(self.words('get', 'pods'))}`."

    def absent(self) -> CliError:
        """Return the error of a machine without `kubectl`."""
        return CliError(f"there is no {self.pods.kubectl!r} here; see `kubectl` of the instances file", Exit.USAGE)


def is_ending(pod: dict[str, Any]) -> bool:
    """Tell whether a pod has been told to go."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_ready(pod: dict[str, Any]) -> bool:
    """Tell whether it gets new clients."""
    conditions = pod.get("status", {}).get("conditions") or []
    return not is_ending(pod) and any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def trouble(pod: dict[str, Any]) -> str:
    """Return why a pod cannot become ready by itself, "" where it may."""
    status = pod.get("status", {})
    if status.get("phase") == "Failed":
        return f"{status.get('reason', 'it failed')}: {status.get('message', '')}".strip(": ")[:_SHOWN]
    for one in status.get("containerStatuses") or []:
        waiting = one.get("state", {}).get("waiting") or {}
        reason = str(waiting.get("reason", ""))
        if reason.endswith(("BackOff", "Error")) or reason in {"InvalidImageName", "ErrImageNeverPull", "ErrImagePull"}:
            ended = (one.get("lastState", {}).get("terminated") or {}).get("message", "")
            return f"{reason}: {ended or waiting.get('message', '')}".strip(": \n")[:_SHOWN]
    return ""
