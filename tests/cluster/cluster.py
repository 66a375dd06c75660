"""The cluster that KUBECONFIG names: what kubectl and Helm do to it, and a namespace of the tests' own in it.

What they cannot do, commands in the environment do, each a line of a shell: CLUSTER_LOAD puts an image archive on every
node, CLUSTER_NODE_STOP and CLUSTER_NODE_START take and give a node its power.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.wire import eventually

STEP_SECONDS = 0.5


class CommandFault(AssertionError):
    """A command did not do what it should; what it said is in the text."""


def run(words: Sequence[str | Path], stdin: str = "", seconds: float = 300.0) -> str:
    """Run a command and return what it printed.

    Raises:
        CommandFault: it failed.
    """
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        said = (done.stderr + done.stdout).strip()[-3000:]
        raise CommandFault(f"{shlex.join(map(str, words))} exited with {done.returncode}: {said}")
    return done.stdout


def wait_until(is_so: Callable[[], object], seconds: float, what: str) -> None:
    """Return once it is so.

    Raises:
        AssertionError: it is not so in time.
    """
    eventually(is_so, seconds, f"after {seconds:g} s still not so: {what}", STEP_SECONDS)


@dataclass(frozen=True)
class Cluster:
    """A namespace of a cluster."""

    namespace: str
    kubectl_program: str
    helm_program: str

    def kubectl(self, *words: str, stdin: str = "", seconds: float = 300.0) -> str:
        """Run kubectl in the namespace and return what it printed."""
        return run([self.kubectl_program, "--namespace", self.namespace, *words], stdin, seconds)

    def helm(self, *words: str | Path, seconds: float = 600.0) -> str:
        """Run Helm in the namespace and return what it printed."""
        return run([self.helm_program, "--namespace", self.namespace, *words], seconds=seconds)

    def get(self, *words: str) -> Any:
        """Return an object, or a list of them, as Kubernetes has it."""
        found = json.loads(self.kubectl("get", *words, "--output=json"))
        return found.get("items", found)

    def apply(self, *objects: dict[str, Any]) -> None:
        """Make these objects, or change them."""
        self.kubectl("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def address(self) -> str:
        """Return the address of the first node that is ready: the one that drills leave alone."""
        found = self.get("nodes")[0]["status"]["addresses"]
        return next(one["address"] for one in found if one["type"] == "InternalIP")

    def nodes(self) -> list[str]:
        """Return the names of the nodes, in order."""
        return [one["metadata"]["name"] for one in self.get("nodes")]

    def begin(self) -> None:
        """Make the namespace new, under the strictest rules that Kubernetes has for pods."""
        self.end()
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": labels}})

    def end(self) -> None:
        """Take the namespace away, and all that is in it."""
        self.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--wait")


def outside(name: str, *words: str | Path, seconds: float = 300.0) -> None:
    """Run the command that the environment gives under this name, with these words behind it."""
    run([*shlex.split(os.environ[name]), *words], seconds=seconds)
