"""Calls kubectl and Helm: the only place of this target that starts them."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from deploy.problems import DeployError, Exit
from deploy.target import CACHE

from .target import KubernetesTarget

# Where `make helm` puts the newer one.
FETCHED = CACHE / "helm" / "helm4"
CALL_SECONDS = 60.0
SHOWN_LINES = 12


@dataclass(frozen=True)
class Done:
    """How a call ended."""

    code: int
    output: str
    error: str

    @property
    def said(self) -> list[str]:
        """Return the last lines, those that tell of a fault first."""
        return (self.error.strip() or self.output.strip()).splitlines()[-SHOWN_LINES:]


@dataclass
class Cluster:
    """The target's cluster, as kubectl and Helm reach it."""

    target: KubernetesTarget

    def kubectl(self, *words: str, stdin: str = "", seconds: float = CALL_SECONDS) -> Done:
        """Run kubectl, whatever it comes to."""
        return _run([program("kubectl"), *self.target.kubectl_options, *words], stdin, seconds)

    def helm(self, *words: str, seconds: float = CALL_SECONDS) -> Done:
        """Run Helm, whatever it comes to."""
        return _run([program("helm"), *self.target.helm_options, *words], "", seconds)

    def begin(self, words: Sequence[str], output: IO[str], name: str = "helm") -> subprocess.Popen[str]:
        """Start a program and let it run, in a session of its own: Ctrl-C ends it by us, and not beside us."""
        options = self.target.helm_options if name == "helm" else self.target.kubectl_options
        return subprocess.Popen(
            [program(name), *options, *words], stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def forward(self, words: Sequence[str]) -> subprocess.Popen[str]:
        """Start a port-forward and let it run."""
        return subprocess.Popen(
            [program("kubectl"), *self.target.kubectl_options, "port-forward", "--address=127.0.0.1", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def get(self, *words: str) -> dict[str, Any]:
        """Return what `kubectl get` finds, {} where there is no such thing.

        Raises:
            DeployError: the cluster does not answer, or does not let us look.
        """
        done = self.kubectl("get", *words, "--output=json", "--ignore-not-found")
        if done.code:
            raise self.fault(f"kubectl get {' '.join(words)} failed", done)
        return loaded(done.output)

    def items(self, *words: str) -> list[dict[str, Any]]:
        """Return the objects of a list; see `get`."""
        return list(self.get(*words).get("items", []))

    def secret(self, name: str, key: str) -> str:
        """Return a value of a Secret, "" where there is none; see `get`."""
        data = self.get("secret", name).get("data") or {}
        return base64.b64decode(data.get(key, "")).decode()

    def fault(self, cause: str, done: Done, code: Exit = Exit.UNKNOWN) -> DeployError:
        """Return an error that shows what a call said."""
        return DeployError(cause, code, evidence=done.said, following=self.target.command("doctor"))


def program(name: str, environ: Mapping[str, str] | None = None) -> str:
    """Return a program's path: that of the variable HELM or KUBECTL, else what PATH has, else what `make helm` fetched.

    Raises:
        DeployError: it is not there.
    """
    given = (os.environ if environ is None else environ).get(name.upper(), "")
    found = shutil.which(given or name) or (None if given else shutil.which(str(FETCHED / name)))
    if found is None:
        raise DeployError(
            f"{given or name} is missing", Exit.UNKNOWN,
            following=f"make helm fetches it; or name one that is not on PATH: {name.upper()}=/path/to/{name}",
        )  # fmt: skip
    return found


def loaded(text: str) -> dict[str, Any]:
    """Return the JSON of a call's output, {} where it said nothing."""
    try:
        found = json.loads(text) if text.strip() else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {"items": found}


def _run(words: Sequence[str], stdin: str, seconds: float) -> Done:
    try:
        done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return Done(124, "", f"no answer within {seconds:g} s")
    return Done(done.returncode, done.stdout, done.stderr)
