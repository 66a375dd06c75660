"""Helm as the tests of the chart run it: what a chart renders to, as data, or the sentence it refuses with."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from kubernetes_validate import utils
from referencing import Registry, Resource

from tests.parts import ROOT, helm_program, require

CHART = ROOT / "helm" / "holdfast"
CI = sorted((CHART / "ci").glob("*-values.yaml"))
OLDEST = "1.30"
VERSIONS = [one for one in map(utils.major_minor, utils.all_versions()) if int(one.split(".")[1]) >= 30]
# Kinds of others, which the validator has no schema of.
FOREIGN = {"HTTPRoute", "ServiceMonitor"}
_PATIENCE_SECONDS = 60
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Render:
    """One way to render the chart: values files, single values, the cluster's version and APIs, which Helm."""

    files: tuple[Path, ...] = ()
    sets: tuple[str, ...] = ()
    kubernetes: str = OLDEST
    apis: tuple[str, ...] = ()
    helm: int = 4

    def arguments(self) -> Iterator[str]:
        """Return the command line behind the program's name."""
        yield from ("template", "live", str(CHART), "--namespace", "chat", "--kube-version", f"{self.kubernetes}.0")
        for path in self.files:
            yield from ("--values", str(path))
        for one in self.sets:
            yield from ("--set-json", one)
        for one in self.apis:
            yield from ("--api-versions", one)


def run(major: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Helm; skips where it is missing."""
    require(f"helm{major}")
    homes = {f"HELM_{name}_HOME": str(ROOT / ".cache" / "helm" / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
    return subprocess.run(
        [str(helm_program(major)), *arguments],
        capture_output=True,
        text=True,
        env=os.environ | homes | {"KUBECONFIG": os.devnull},
        timeout=_PATIENCE_SECONDS,
        check=False,
    )


def rendered(render: Render) -> list[dict[str, Any]]:
    """Return the objects, fresh ones that a test may change."""
    return copy.deepcopy(_rendered(render))


@cache
def _rendered(render: Render) -> list[dict[str, Any]]:
    done = run(render.helm, *render.arguments())
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.load_all(done.stdout, _Loader) if one]


def refusal(render: Render) -> str:
    """Return what Helm says where the values are refused."""
    done = run(render.helm, *render.arguments())
    assert done.returncode != 0, "expected a refusal, and the chart rendered"
    return done.stderr


def one(objects: Sequence[Mapping[str, Any]], kind: str, name: str = "live-holdfast") -> Any:
    """Return the object of that kind and name."""
    found = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects {kind} {name}"
    return found[0]


def kinds(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the kinds that are there."""
    return sorted(each["kind"] for each in objects)


def pod(objects: Sequence[Mapping[str, Any]], name: str = "live-holdfast") -> Any:
    """Return the pods' specification of a Deployment."""
    return one(objects, "Deployment", name)["spec"]["template"]["spec"]


def settings(objects: Sequence[Mapping[str, Any]]) -> Any:
    """Return holdfast.yaml as data."""
    return yaml.load(one(objects, "ConfigMap")["data"]["holdfast.yaml"], _Loader)


def faults(document: Mapping[str, Any], kubernetes: str) -> list[str]:
    """Return what Kubernetes of that version would refuse, unknown fields too."""
    return list(_faults(json.dumps(document, sort_keys=True), kubernetes))


@cache
def _faults(document: str, kubernetes: str) -> tuple[str, ...]:
    data = json.loads(document)
    group, _, version = data["apiVersion"].rpartition("/")
    name = "-".join(filter(None, (data["kind"].lower(), group.partition(".")[0], version)))
    errors = _validator(name, kubernetes).iter_errors(data)
    return tuple(f"{'.'.join(map(str, error.path))}: {error.message}" for error in errors)


@cache
def _validator(name: str, kubernetes: str) -> Draft202012Validator:
    version = next(each for each in utils.all_versions() if utils.major_minor(each) == kubernetes)
    folder = f"kubernetes-json-schema/v{version}-local-strict"
    schema = utils.schema_contents(f"{folder}/{name}.json", kubernetes)
    return Draft202012Validator(schema, registry=_definitions(folder, kubernetes))


@cache
def _definitions(folder: str, kubernetes: str) -> Registry[Any]:
    contents = utils.schema_contents(f"{folder}/_definitions.json", kubernetes)
    registry: Registry[Any] = Resource.from_contents(contents) @ Registry()
    return registry
