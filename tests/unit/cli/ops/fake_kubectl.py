"""A kubectl that answers from a table, for the tests of what works on pods."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from holdfast.cli.ops.kube import Cluster, Pods

PODS = Pods("chat", "holdfast", "app=holdfast", admin_secret="keys")


def pod(name: str, *, is_ready: bool = True, is_ending: bool = False, **status: Any) -> dict[str, Any]:
    """Return a pod of a ReplicaSet."""
    metadata: dict[str, Any] = {"name": name, "ownerReferences": [{"kind": "ReplicaSet"}]}
    if is_ending:
        metadata["deletionTimestamp"] = "2026-11-26T10:00:00Z"
    condition = {"type": "Ready", "status": "True" if is_ready else "False"}
    return {"metadata": metadata, "status": {"conditions": [condition], **status}}


class FakeCluster(Cluster):
    """Answers by the first words of a call: a text, an object, or how it ended; `calls` has all of them."""

    def __init__(self, answers: dict[str, Any], pods: Pods = PODS) -> None:
        super().__init__(pods)
        self.answers = answers
        self.calls: list[str] = []
        self.inputs: list[str] = []

    def run(self, *words: str, given: str = "", seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Answer from the table; what it does not know has failed."""
        line = " ".join(words)
        self.calls.append(line)
        self.inputs.append(given)
        for begin, answer in self.answers.items():
            if line.startswith(begin):
                if isinstance(answer, subprocess.CompletedProcess):
                    return answer
                text = answer if isinstance(answer, str) else json.dumps(answer)
                return subprocess.CompletedProcess(words, 0, text, "")
        return subprocess.CompletedProcess(words, 1, "", f"no answer for {line}")
