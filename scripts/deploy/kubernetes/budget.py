"""How long a rollout may take: from what the Deployment says of its steps and its pods' drains. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Kubernetes' own, where a Deployment says nothing.
USUAL_GRACE, USUAL_DEADLINE = 30, 600
# Of Helm's, for the objects beside the pods.
MARGIN_SECONDS = 60


@dataclass(frozen=True)
class Budget:
    """Seconds of a rollout; `step` is what one pod may take until the rollout counts as stuck."""

    pods: int
    ready: int
    drain: int
    step: int

    @property
    def likely(self) -> int:
        """Return what it takes where each pod starts at once."""
        return self.pods * max(self.ready, 1) + self.drain

    @property
    def timeout(self) -> int:
        """Return what it may take: each pod its whole step, the last one its drain."""
        return self.pods * self.step + self.drain + MARGIN_SECONDS

    def line(self) -> str:
        """Return it as it is shown."""
        return (
            f"{self.pods} pods, one after the other: ready for {self.ready} s each, {self.drain} s for the last drain; "
            f"about {_minutes(self.likely)}, given up after {_minutes(self.timeout)}"
        )


def budget(deployment: dict[str, Any], autoscaler: dict[str, Any], running: int) -> Budget:
    """Return the budget of a rollout, for as many pods as run, or will."""
    spec = deployment.get("spec", {})
    floor = autoscaler.get("spec", {}).get("minReplicas", 1) if autoscaler else spec.get("replicas", 1)
    # An autoscaler's number is the cluster's; a number of the values is what will be.
    pods = max(running, floor) if autoscaler else max(floor, 1)
    grace = spec.get("template", {}).get("spec", {}).get("terminationGracePeriodSeconds", USUAL_GRACE)
    return Budget(
        pods, int(spec.get("minReadySeconds", 0)), int(grace), int(spec.get("progressDeadlineSeconds", USUAL_DEADLINE))
    )


def _minutes(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"
