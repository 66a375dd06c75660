"""The alert rules of docs/verify.md, held by Prometheus' own tool against what a check writes."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from holdfast.verify.judge import Result
from holdfast.verify.reports import textfile
from tests.parts import ROOT, require, system_program

OK = Result("hf-a-001", "a", "sysctl", "ok", "1", "1")
DRIFT = replace(OK, status="drift", actual="2")
UNKNOWN = replace(OK, status="unknown")
QUIET = Result("hf-c-001", "c", "counter", "ok", "at most 0", "0")
GROWN = replace(QUIET, status="drift", actual="3")
MINUTES = 15


def rules() -> dict:
    """Return the rules as the page shows them."""
    page = (ROOT / "docs" / "verify.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(groups:\n.*?)```", page, re.DOTALL)
    return yaml.safe_load(block)


def series(runs: list[list[Result] | None]) -> list[dict[str, str]]:
    """Return what Prometheus reads each minute of checks every quarter of an hour; None is one that did not run."""
    found: dict[str, list[str]] = {}
    text = ""
    for number, results in enumerate(runs):
        if results is not None:
            text = textfile(results, "production", number * MINUTES * 60)
        now = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        for name in found.keys() | now.keys():
            known = found.setdefault(name, ["_"] * number * MINUTES)
            known += [now.get(name, "_")] * MINUTES
    return [{"series": name, "values": " ".join(values)} for name, values in found.items()]


@pytest.mark.parametrize(
    ("runs", "minute", "firing"),
    [
        ([[OK, QUIET]] * 8, 110, set()),
        ([[DRIFT, QUIET]] * 8, 20, set()),
        ([[DRIFT, QUIET]] * 8, 40, {"HoldfastProfileDrift"}),
        ([[OK, QUIET], [OK, GROWN], *[[OK, QUIET]] * 2], 20, {"HoldfastProfileCounterGrew"}),
        ([[OK, QUIET], [OK, GROWN], *[[OK, QUIET]] * 2], 50, set()),
        ([[UNKNOWN]] * 8, 40, set()),
        ([[UNKNOWN]] * 8, 70, {"HoldfastProfileUnchecked"}),
        ([[OK], *[None] * 12], 100, set()),
        ([[OK], *[None] * 12], 130, {"HoldfastProfileUnchecked"}),
    ],
)  # fmt: skip
def test_alerts_of_the_page_fire_when_they_say(tmp_path: Path, runs, minute: int, firing: set[str]) -> None:
    """Drift that stays, a counter that grew once, a control that nobody could check, checks that stopped."""
    require("promtool")
    names = [rule["alert"] for group in rules()["groups"] for rule in group["rules"]]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules()))
    given = {"interval": "1m", "input_series": series(runs)}

    def fires(name: str, is_expected: bool) -> bool:
        # promtool wants all labels; whether anything fires is all that is asked.
        test = given | {"promql_expr_test": [{
            "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) > 0 or vector(0)',
            "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": 1 if is_expected else 0}],
        }]}  # fmt: skip
        (tmp_path / "test.yaml").write_text(json.dumps({"rule_files": ["rules.yaml"], "tests": [test]}))
        done = subprocess.run(
            [system_program("promtool"), "test", "rules", "test.yaml"],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode == 0

    assert {name for name in names if not fires(name, name in firing)} == set()


def test_rules_of_the_page_are_valid_and_about_metrics_that_there_are(tmp_path: Path) -> None:
    """Prometheus takes the file; each metric in it is one that a check writes."""
    require("promtool")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules()))
    written = textfile([OK, QUIET, UNKNOWN], "production", 1.0)

    done = subprocess.run(
        [system_program("promtool"), "check", "rules", "rules.yaml"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    named = {
        name
        for group in rules()["groups"]
        for rule in group["rules"]
        for name in re.findall(r"holdfast_\w+", rule["expr"])
    }
    assert {name for name in named if f"# TYPE {name} " not in written} == set()
