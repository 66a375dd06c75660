"""The numbers of the chart are those of the profile, and it calculates from them what the profile calculates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from holdfast import __version__
from holdfast.profile import load
from holdfast.profile.capacity import ready_seconds
from holdfast.profile.derive import derive
from holdfast.profile.formulas import MIB
from holdfast.profile.render.helm import helm, pod_sysctls
from tests.chart.helm import CHART, VERSIONS, Render, one, pod, rendered, settings

TRIAL = ("secrets.create=true", "redis.trial.enabled=true")
PROFILES = ["production", "staging", "local"]


@pytest.fixture(params=PROFILES)
def rolled_out(request, tmp_path) -> tuple[Any, Any, list[Any]]:
    """A shipped profile, its numbers, and what the chart makes of the values rendered from it."""
    profile = load(request.param)
    facts = profile.intents.reference.facts()
    values = tmp_path / "values.yaml"
    values.write_text(helm(profile, facts))
    return profile, derive(profile, facts), rendered(Render((values,), TRIAL, VERSIONS[-1]))


def test_values_are_what_production_renders():
    """Nobody types a number of the profile into values.yaml."""
    profile = load("production")
    wanted = yaml.safe_load(helm(profile, profile.intents.reference.facts()))
    there = yaml.safe_load((CHART / "values.yaml").read_text())

    assert list(differences(wanted, there)) == []


def differences(wanted: Mapping[str, Any], there: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield each wanted value that is another one there."""
    for key, value in wanted.items():
        if isinstance(value, dict):
            yield from differences(value, there.get(key, {}), f"{path}{key}.")
        elif there.get(key) != value:
            yield f"{path}{key}: {there.get(key)!r} instead of {value!r}"


def test_grace_is_the_derived_one(rolled_out):
    """Wait, window, flush twice and margin, the next multiple of five; never typed."""
    _, derived, objects = rolled_out

    assert pod(objects)["terminationGracePeriodSeconds"] == derived.termination_grace


def test_limits_are_the_derived_ones(rolled_out):
    """Memory with the kernel's part, no CPU limit, connections and descriptors."""
    profile, derived, objects = rolled_out
    resources = pod(objects)["containers"][0]["resources"]

    assert resources["limits"] == {"memory": f"{derived.memory_max_bytes // MIB}Mi"}
    assert resources["requests"]["cpu"] == f"{round(1000 * profile.intents.cores_per_instance)}m"
    assert settings(objects)["admission"]["max_connections"] == derived.connections_per_instance
    assert (
        f"--descriptors={derived.descriptors}"
        in one(objects, "Pod", "live-holdfast-test")["spec"]["containers"][0]["args"]
    )


def test_ping_and_drain_are_the_derived_ones(rolled_out):
    """In the settings that the pods get."""
    _, derived, objects = rolled_out
    found = settings(objects)

    assert (found["client"]["ping_interval"], found["client"]["pong_timeout"]) == (
        derived.ping_interval,
        derived.pong_timeout,
    )
    assert found["shutdown"]["drain_window"] == derived.drain_window
    assert found["shutdown"]["propagation_wait"] == derived.propagation_wait


def test_one_pod_drains_at_a_time(rolled_out):
    """The next one leaves when the one before has had its wait and its window; a rollout is given the time for that."""
    _, derived, objects = rolled_out
    spec = one(objects, "Deployment")["spec"]

    assert spec["minReadySeconds"] == ready_seconds(derived.propagation_wait, derived.drain_window)
    assert spec["progressDeadlineSeconds"] > spec["minReadySeconds"] + 60
    policies = one(objects, "HorizontalPodAutoscaler")["spec"]["behavior"]["scaleDown"]["policies"]
    assert policies == [{"type": "Pods", "value": 1, "periodSeconds": derived.termination_grace}]


@pytest.mark.parametrize("version", VERSIONS)
def test_kernel_keys_are_those_that_are_safe_there(version):
    """By the cluster's version; one more would have the pod refused, one less leaves the kernel's default."""
    profile = load("production")
    found = pod(rendered(Render((), TRIAL, version)))["securityContext"]["sysctls"]

    assert {each["name"]: each["value"] for each in found} == pod_sysctls(
        profile, profile.intents.reference.facts(), version
    )


def test_versions_are_the_gateways():
    """Chart and image are released together."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["version"] == chart["appVersion"] == __version__
