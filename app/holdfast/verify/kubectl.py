"""Runs the collecting program in a pod: by `kubectl exec`, without a shell or sudo, which an image need not have."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from holdfast.verify.program import source

_SECONDS: Final = 120.0
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def words(backend: Any, request: Mapping[str, Any]) -> list[str]:
    """Return the command that runs Python in the pod that a back end of testinfra's stands for."""
    places = {"kubeconfig": backend.kubeconfig, "context": backend.context, "namespace": backend.namespace}
    given = [f"--{name}={value}" for name, value in places.items() if value]
    container = ["--container", backend.container] if backend.container else []
    return ["kubectl", *given, "exec", "-i", backend.name, *container, "--", "python3", "-", json.dumps(request)]


def ask(backend: Any, request: Mapping[str, Any], run: Run = subprocess.run) -> tuple[int, str, str]:
    """Return the exit code of the program, what it wrote, and what it complained of."""
    command: Sequence[str] = words(backend, request)
    # The program goes by standard input: an argument would be a part of a URL.
    done = run(command, input=source(), capture_output=True, text=True, timeout=_SECONDS, check=False)
    return done.returncode, done.stdout, done.stderr
