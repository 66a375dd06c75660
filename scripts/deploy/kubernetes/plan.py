"""What would be applied: the values in their order, the manifest that Helm makes of them, and what runs now."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.playbooks import BIN
from deploy.problems import DeployError, Exit

from . import demo, releases
from .manifests import Key, Object, find, objects
from .programs import Cluster, loaded
from .target import KubernetesTarget, image_values

# What a first try needs and nobody has to choose: secrets made by chance, a Redis of its own.
TRIAL = {"secrets": {"create": True}, "redis": {"trial": {"enabled": True}}}


@dataclass(frozen=True)
class Plan:
    """The objects of now and of then, and the values of then."""

    before: dict[Key, Object]
    after: dict[Key, Object]
    values: dict[str, Any]

    @property
    def deployment(self) -> Object:
        """Return the Deployment of the gateways."""
        return find(self.after, "Deployment")

    @property
    def pod(self) -> Object:
        """Return what its pods are."""
        return dict(self.deployment.get("spec", {}).get("template", {}).get("spec", {}))

    @property
    def autoscaler(self) -> Object:
        """Return the autoscaler, {} where there is none."""
        return find(self.after, "HorizontalPodAutoscaler")


def make(cluster: Cluster) -> Plan:
    """Let Helm render the chart against the cluster, without applying anything.

    Raises:
        DeployError: a value is wrong, in the chart's own sentence; or the cluster does not answer.
    """
    target = cluster.target
    done = cluster.helm(*upgrade_words(target), "--dry-run=server", "--output=json")
    if done.code:
        raise DeployError(
            "the chart does not take the values", Exit.USAGE, evidence=_sentence(done.error or done.output),
            following=f"correct VALUES, then {target.command('plan')}",
        )  # fmt: skip
    found = loaded(done.output)
    values = {**found.get("chart", {}).get("values", {}), **found.get("config", {})}
    if target.environment != "local" and values.get("demo", {}).get("enabled"):
        raise DeployError(
            f"demo.enabled with ENV={target.environment}: its page breaks things on purpose", Exit.USAGE,
            following="leave it out of VALUES, or try it with ENV=local",
        )  # fmt: skip
    return Plan(current(cluster), objects(found.get("manifest", "")), values)


def current(cluster: Cluster) -> dict[Key, Object]:
    """Return the objects of the release that serves, {} where there is none."""
    release = cluster.target.release
    history = loaded(cluster.helm("history", release, "--output=json").output).get("items", [])
    # What was tried last may have failed; what serves is the one before.
    serves = releases.serving(history)
    done = cluster.helm("get", "manifest", release, *([f"--revision={serves}"] if serves else []))
    if done.code and "not found" not in done.error:
        raise cluster.fault("Helm does not answer", done)
    return {} if done.code else objects(done.output)


def upgrade_words(target: KubernetesTarget) -> list[str]:
    """Return the words of Helm that stand for this target: chart, values in their order, image."""
    if not target.chart.startswith("oci://") and not Path(target.chart).exists():
        raise DeployError(f"there is no chart in {target.chart}", Exit.UNKNOWN, following="name one: CHART=path")
    given = [f"--values={path}" for path in [*own_values(target), *target.values]]
    return ["upgrade", "--install", target.release, target.chart, *given, *image_values(target.image)]


def own_values(target: KubernetesTarget) -> list[Path]:
    """Write the values that the environment gives; return the files: its profile's, for `local` those of a trial."""
    target.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    profile = target.folder / "values-profile.yaml"
    if target.environment == "production":
        # The chart's own values are the profile's.
        profile.unlink(missing_ok=True)
        return []
    done = subprocess.run(
        [BIN / "holdfast", "profile", "render", "helm", "--profile", target.environment],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode:
        raise DeployError(
            f"the profile {target.environment} cannot be rendered", Exit.USAGE,
            evidence=done.stderr.strip().splitlines()[-6:], following=f"holdfast profile lint {target.environment}",
        )  # fmt: skip
    profile.write_text(done.stdout)
    if target.environment != "local":
        return [profile]
    trial = target.folder / "values-trial.yaml"
    brings = demo.VALUES if demo.is_brought(target.demo, map(_read, target.values)) else {}
    trial.write_text(yaml.safe_dump(TRIAL | brings))
    return [profile, trial]


def _read(path: Path) -> dict[str, Any]:
    """Return a file of values, {} where it is none, which Helm says better."""
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def _sentence(said: str) -> list[str]:
    """Return the sentence of a fault, without Helm's own words before it."""
    lines = [line.partition("): ")[2] or line for line in said.strip().splitlines()]
    return [line.removeprefix("Error: ") for line in lines][-12:]


def trial_pod(plan: Plan, target: KubernetesTarget) -> str:
    """Return a pod like those of the plan, for the API server to judge without making it."""
    template = plan.deployment.get("spec", {}).get("template", {})
    spec = dict(template.get("spec", {}))
    # It may not be there before the first deploy.
    spec.pop("serviceAccountName", None)
    metadata = {
        "generateName": f"{target.release}-trial-",
        "namespace": target.namespace,
        "labels": {"holdfast/trial": "true"},
    }
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
