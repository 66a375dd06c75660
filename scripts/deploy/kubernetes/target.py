"""Which release of which cluster is meant, what it is made from, and where its files are kept."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.problems import DeployError, Exit
from deploy.target import CACHE, ENVIRONMENTS, ROOT

CHART = ROOT / "helm" / "holdfast"
# A label of DNS, as namespaces and releases are called.
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?")
USUAL_NAME = "holdfast"


@dataclass(frozen=True)
class KubernetesTarget:
    """One release in one namespace of one cluster."""

    environment: str = "local"
    context: str = ""
    kubeconfig: str = ""
    namespace: str = USUAL_NAME
    release: str = USUAL_NAME
    image: str = ""
    values: tuple[Path, ...] = ()
    chart: str = str(CHART)
    demo: str = ""
    makes_hosts = False

    @property
    def name(self) -> str:
        """Return what it is called in files and on screen."""
        return f"kubernetes-{self.environment}"

    @property
    def folder(self) -> Path:
        """Return where logs and generated files are."""
        return CACHE / "deploy" / self.name

    @property
    def audited(self) -> dict[str, Any]:
        """Return what a line of the audit log says of it."""
        place = {"context": self.context, "namespace": self.namespace, "release": self.release, "image": self.image}
        return {"environment": self.environment, "target": "kubernetes", **place}

    @property
    def kubectl_options(self) -> list[str]:
        """Return what every call of kubectl is given."""
        given = [f"--kubeconfig={self.kubeconfig}"] if self.kubeconfig else []
        given += [f"--context={self.context}"] if self.context else []
        return [*given, f"--namespace={self.namespace}"]

    @property
    def helm_options(self) -> list[str]:
        """Return what every call of Helm is given."""
        given = [f"--kubeconfig={self.kubeconfig}"] if self.kubeconfig else []
        given += [f"--kube-context={self.context}"] if self.context else []
        return [*given, f"--namespace={self.namespace}"]

    def kubectl(self, words: str) -> str:
        """Return a command of kubectl that a person would type."""
        given = " ".join(one.replace("--namespace=", "-n ") for one in self.kubectl_options)
        return f"kubectl {given} {words}"

    def command(self, target: str, *more: str) -> str:
        """Return the command of make that a person would type."""
        words = ["make", target, "TARGET=kubernetes", f"ENV={self.environment}"]
        words += [f"KUBECONFIG={self.kubeconfig}"] if self.kubeconfig else []
        words += [f"CONTEXT={self.context}"] if self.context else []
        words += [f"NAMESPACE={self.namespace}"] if self.namespace != USUAL_NAME else []
        words += [f"RELEASE={self.release}"] if self.release != USUAL_NAME else []
        words += [f"IMAGE={self.image}"] if self.image else []
        words += [f"VALUES={','.join(map(str, self.values))}"] if self.values else []
        words += [f"CHART={self.chart}"] if self.chart != str(CHART) else []
        words += [f"DEMO={self.demo}"] if self.demo else []
        return " ".join([*words, *more])


def target_of(given: Mapping[str, str], environ: Mapping[str, str]) -> KubernetesTarget:
    """Return the target that was asked for.

    Raises:
        DeployError: a name cannot be one, a file is not there, or nobody says which cluster is meant.
    """
    environment = given["environment"]
    if environment not in ENVIRONMENTS:
        raise _usage(f"ENV: expected one of {', '.join(ENVIRONMENTS)}, got {environment!r}")
    for name in ("namespace", "release"):
        if not NAME.fullmatch(given[name] or USUAL_NAME):
            raise _usage(f"{name.upper()}: expected small letters, digits and dashes, at most 53, got {given[name]!r}")
    folder = Path(given["folder"] or ".").absolute()
    kubeconfig = given["kubeconfig"] or environ.get("KUBECONFIG", "")
    if not (kubeconfig or given["context"]):
        # What a kubeconfig of the user's happens to point at is nobody's choice.
        raise DeployError(
            f"no cluster was named for ENV={environment}: a cluster is needed, and KUBECONFIG or CONTEXT says which",
            Exit.UNKNOWN if environment == "local" else Exit.USAGE,
            following="kubectl config get-contexts, then make doctor TARGET=kubernetes "
            f"ENV={environment} CONTEXT=...; or KUBECONFIG=path",
        )
    image_values(given["image"])
    if given["demo"] not in {"", "yes", "no"}:
        raise _usage(f"DEMO: expected yes or no, got {given['demo']!r}")
    return KubernetesTarget(
        environment, given["context"], _kubeconfig(kubeconfig, folder),
        given["namespace"] or USUAL_NAME, given["release"] or USUAL_NAME, given["image"],
        tuple(_file("VALUES", one, folder) for one in given["values"].split(",") if one),
        _chart(given["chart"], folder), given["demo"],
    )  # fmt: skip


def image_values(image: str) -> list[str]:
    """Return the options of Helm that put an image in: `repository:tag`, `repository@sha256:...`, or a bare tag.

    Raises:
        DeployError: it is none.
    """
    if not image:
        return []
    repository, at, digest = image.partition("@")
    # The colon of a registry's port is not that of a tag.
    head, colon, tag = repository.rpartition(":")
    if not colon or "/" in tag:
        head, tag = repository, ""
    if not head or (not tag and not at) or (at and not re.fullmatch(r"sha256:[0-9a-f]{64}", digest)):
        raise _usage(f"IMAGE: expected repository:tag or repository@sha256:..., got {image!r}")
    found = {"image.repository": head, "image.tag": tag, "image.digest": digest}
    return [f"--set-string={name}={value}" for name, value in found.items()]


def _kubeconfig(given: str, folder: Path) -> str:
    """Return the one file; several, apart by colons, stay a matter of the environment."""
    return "" if not given or os.pathsep in given else str(_file("KUBECONFIG", given, folder))


def _chart(given: str, folder: Path) -> str:
    if not given or given.startswith("oci://"):
        return given or str(CHART)
    return str(_file("CHART", given, folder))


def _file(name: str, given: str, folder: Path) -> Path:
    path = folder / Path(given).expanduser()
    if not path.exists():
        raise _usage(f"{name}: {path} is not there")
    return path


def _usage(cause: str) -> DeployError:
    return DeployError(cause, Exit.USAGE, following="docs/deploy-kubernetes.md says what each variable takes")
