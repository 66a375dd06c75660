"""Tests of scripts/deploy/kubernetes/demo.py: when ENV=local brings the demo, and what leads to it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scripts.clusters import deployment

from deploy.kubernetes import demo, plan  # isort: skip
from deploy.kubernetes.programs import Cluster, Done  # isort: skip
from deploy.kubernetes.target import KubernetesTarget  # isort: skip
from deploy.problems import DeployError  # isort: skip
from deploy.stages import Stages  # isort: skip

PASSWORD = "the-one-password"


def test_a_first_try_brings_the_demo():
    """Nobody has to ask for it; values of other things change nothing."""
    assert demo.is_brought("", [])
    assert demo.is_brought("yes", [{"replicaCount": 3, "demo": None}, {"redis": {"trial": {"image": "r:1"}}}])


@pytest.mark.parametrize(
    "values",
    [
        {"demo": {"enabled": False}},
        {"demo": {"enabled": True}},
        {"redis": {"external": {"addresses": ["redis:6379"]}}},
        {"secrets": {"create": False, "existingSecret": "ours"}},
        {"secrets": {"keys": {"tokenHmacSecret": ""}}},
        {"config": {"auth": {"enabled": True}}},
    ],
)
def test_demo_is_left_to_values_that_say_something_or_cannot_go_with_it(values: dict[str, Any]):
    """A deploy that worked without it is not refused for its sake."""
    assert not demo.is_brought("", [{}, values])


def test_demo_is_left_out_where_it_is_not_wanted():
    """By DEMO=no, as `make up` has it."""
    assert not demo.is_brought("no", [])


def test_own_values_bring_the_demo_for_local_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No file that staging or production are given says anything of it."""
    monkeypatch.setattr("deploy.kubernetes.target.CACHE", tmp_path)

    def said(environment: str, wish: str = "") -> list[Any]:
        files = plan.own_values(KubernetesTarget(environment, demo=wish))
        return [yaml.safe_load(path.read_text()).get("demo") for path in files]

    assert said("local") == [None, {"enabled": True}]
    assert said("local", "no") == [None, None]
    assert said("staging") == [None]
    assert said("production") == []


def test_values_that_bring_the_demo_elsewhere_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its page breaks things on purpose; nothing is applied."""
    monkeypatch.setattr("deploy.kubernetes.target.CACHE", tmp_path)
    rendered = '{"manifest": "", "config": {"demo": {"enabled": true}}}'
    monkeypatch.setattr(Cluster, "helm", lambda *_words, **_options: Done(0, rendered, ""))

    with pytest.raises(DeployError, match=r"demo\.enabled with ENV=production"):
        plan.make(Cluster(KubernetesTarget("production")))


def release(volumes: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return a release whose pods have these volumes."""
    gateways = deployment()
    gateways["spec"]["template"] = {"spec": {"containers": [], "volumes": volumes}}
    service = {"kind": "Service", "metadata": {"name": "holdfast"}, "spec": {"ports": [{"name": "http", "port": 80}]}}
    return {("Deployment", "holdfast"): gateways, ("Service", "holdfast"): service}


def test_lines_lead_to_the_page(monkeypatch: pytest.MonkeyPatch):
    """The way there, address, users, password; the token is made in a pod and never shown."""
    data = {"demo-password": base64.b64encode(PASSWORD.encode()).decode()}
    monkeypatch.setattr(Cluster, "get", lambda _cluster, *words: {"data": data} if words == ("secret", "s") else {})
    volume = {"name": "p", "secret": {"secretName": "s", "items": [{"key": "demo-password", "path": "x"}]}}
    found = demo.lines(Cluster(KubernetesTarget(context="c", namespace="chat")), release([volume]))

    assert "  until kubectl --context=c -n chat port-forward service/holdfast 8000:80; do sleep 1; done" in found
    assert f"Demo:  http://127.0.0.1:8000/demo  Log in as alice or bob with the password {PASSWORD}" in found
    assert '--token "$(kubectl --context=c -n chat exec deploy/holdfast -- holdfast token create alice)"' in found[-1]


def test_lines_are_none_without_a_demo():
    """A release of before, or of DEMO=no."""
    assert demo.lines(Cluster(KubernetesTarget()), release([{"name": "config", "configMap": {}}])) == []


def test_closing_lines_stand_below_the_times():
    """What is to be pasted is what is seen last."""
    stages = Stages(lambda line: None, lambda: 0.0, closing=["", "Demo: ..."])
    with stages.stage("roll", "it"):
        pass

    assert stages.table()[-3:] == ["  in all         0.0 s", "", "Demo: ..."]
