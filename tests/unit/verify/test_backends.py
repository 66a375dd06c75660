from __future__ import annotations

import json
import os
import platform
import sys
from types import SimpleNamespace

import pytest

from holdfast.verify import backends
from holdfast.verify.fleet import FleetError, UnreachableError


def options(**given):
    """Return a reader of pytest's options."""
    return lambda name: given.get(name)


def host(run, name="gw1"):
    """Return a host whose testinfra object runs commands so."""
    place = SimpleNamespace(name=name)
    return backends.TestinfraHost(SimpleNamespace(run=run, backend=SimpleNamespace(host=place)), None)


def test_facts_are_the_document_that_the_command_prints():
    """The program is run once, with the request."""
    said = []

    def run(command):
        said.append(command)
        return SimpleNamespace(rc=0, stdout=json.dumps({"version": 1}), stderr="")

    assert host(run).facts({"sysctls": ["a"]}) == {"version": 1}
    assert '{"sysctls": ["a"]}' in said[0]
    assert host(run).name == "gw1"


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (SimpleNamespace(rc=1, stdout="", stderr="sudo: a password is required"), "a password is required"),
        (SimpleNamespace(rc=127, stdout="", stderr=""), "exit code 127"),
        (SimpleNamespace(rc=0, stdout="Welcome!", stderr=""), "expected facts in JSON, saw 'Welcome!'"),
    ],
)
def test_answer_that_is_none_is_a_reason(done, said):
    """No sudo, no Python, a login shell that talks."""
    with pytest.raises(UnreachableError) as caught:
        host(lambda command: done).facts({})

    assert said in str(caught.value)


def test_host_that_does_not_answer_is_a_reason():
    """What ssh wrote is told, not the command that it was given."""

    def run(command):
        raise RuntimeError(SimpleNamespace(stderr="ssh: connect to host gw1 port 22: timed out"))

    with pytest.raises(UnreachableError, match="port 22: timed out"):
        host(run).facts({})


def test_this_machine_has_its_own_name():
    """Testinfra calls every one `local`; waivers and roles know hosts by their names."""
    here = backends.TestinfraHost(SimpleNamespace(backend=SimpleNamespace(NAME="local", hostname="local")), None)

    assert here.name == platform.node()


def test_missing_testinfra_says_what_to_install(monkeypatch):
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "testinfra", None)

    with pytest.raises(FleetError, match=r"pip install 'holdfast\[infra\]'"):
        backends.hosts(options())


def test_hosts_are_testinfras(monkeypatch):
    """Options go through; groups come from an inventory where one is given; what it cannot use is named."""
    made = SimpleNamespace(backend=SimpleNamespace(host="gw1"))
    seen = {}

    def get_hosts(names, **settings):
        seen.update(names=names, **settings)
        if names == ["x://y"]:
            raise RuntimeError("Unknown connection type 'x'")
        return [made]

    runner = SimpleNamespace(get_variables=lambda name: {"group_names": ["gateways"]})
    ansible = SimpleNamespace(AnsibleRunner=SimpleNamespace(get_runner=lambda inventory: runner))
    monkeypatch.setitem(sys.modules, "testinfra", SimpleNamespace(get_hosts=get_hosts))
    monkeypatch.setitem(sys.modules, "testinfra.utils", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "testinfra.utils.ansible_runner", ansible)

    monkeypatch.setenv("PATH", "/usr/bin")
    found = backends.hosts(options(hosts="ansible://all", ansible_inventory="i.yml"))

    assert [(one.name, one.groups) for one in found] == [("gw1", ["gateways"])]
    assert os.environ["PATH"] == f"/usr/bin:{os.path.dirname(sys.executable)}"
    assert (seen["names"], seen["ansible_inventory"]) == (["ansible://all"], "i.yml")
    with pytest.raises(FleetError, match="Unknown connection type"):
        backends.hosts(options(hosts="x://y"))
