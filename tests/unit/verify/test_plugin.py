from __future__ import annotations

import importlib.util
from types import SimpleNamespace

import pytest

from holdfast.errors import ConfigError
from holdfast.verify import plugin
from holdfast.verify.fleet import Fleet


class Parser:
    """Keeps the options that are added."""

    def __init__(self):
        self.names = []

    def getgroup(self, name):
        return self

    def addoption(self, name, **about):
        self.names.append(name)


def test_options_are_ours_alone_where_testinfra_is(monkeypatch):
    """Without testinfra its options are known too, so that the next step can say what is missing."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    there = Parser()
    plugin.pytest_addoption(there)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    missing = Parser()
    plugin.pytest_addoption(missing)

    assert all(name.startswith("--holdfast-") for name in there.names)
    assert {"--hosts", "--ssh-config", "--ansible-inventory"} <= set(missing.names)


def test_counters_are_kept_at_the_end_and_a_failure_is_said():
    """The run's outcome does not depend on it; without hosts there is nothing to keep."""
    lines, kept = [], []
    reporter = SimpleNamespace(write_line=lambda text, red: lines.append(text))

    plugin.pytest_terminal_summary(reporter, SimpleNamespace(stash={}))
    plugin.pytest_terminal_summary(
        reporter, SimpleNamespace(stash={plugin.FLEET: SimpleNamespace(remember=lambda: kept.append(1))})
    )
    assert (kept, lines) == ([1], [])

    def fail():
        raise OSError("read-only")

    plugin.pytest_terminal_summary(reporter, SimpleNamespace(stash={plugin.FLEET: SimpleNamespace(remember=fail)}))
    assert "read-only" in lines[0]


def test_each_pair_is_a_test_with_the_controls_id(monkeypatch):
    """JUnit and --deselect know a test by host and control; other tests are left alone."""
    made = {}
    pairs = [("gw1", "hf-fd-001")]
    monkeypatch.setattr(plugin, "fleet", lambda config: SimpleNamespace(pairs=lambda: pairs))

    def parametrize(name, values, ids, indirect):
        made.update(name=name, values=values, ids=ids)

    plugin.pytest_generate_tests(SimpleNamespace(fixturenames=["other"], parametrize=parametrize, config=None))
    assert made == {}

    plugin.pytest_generate_tests(
        SimpleNamespace(fixturenames=["holdfast_result"], parametrize=parametrize, config=None)
    )
    assert made == {"name": "holdfast_result", "values": pairs, "ids": ["gw1-hf-fd-001"]}


def test_fleet_is_put_together_once_and_its_faults_are_bad_usage(monkeypatch):
    """A profile or waiver that cannot be used ends the run with its sentence."""
    config = SimpleNamespace(stash={}, getoption=lambda name: None)
    monkeypatch.setattr(Fleet, "of", classmethod(lambda cls, option: "fleet"))
    assert plugin.fleet(config) == "fleet"
    monkeypatch.setattr(Fleet, "of", classmethod(lambda cls, option: (_ for _ in ()).throw(ConfigError(["no"]))))
    assert plugin.fleet(config) == "fleet"

    with pytest.raises(pytest.UsageError, match="no"):
        plugin.fleet(SimpleNamespace(stash={}, getoption=lambda name: None))
