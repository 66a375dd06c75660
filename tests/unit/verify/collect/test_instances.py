from __future__ import annotations

import os

from holdfast.verify.collect import commands, instances, processes

SHOWN = """\
Id=holdfast@1a.service
MainPID={pid}
FragmentPath={folder}/a.service
DropInPaths={folder}/b.conf
NeedDaemonReload=yes
LimitNOFILE=9
TimeoutStopUSec=1min 30s

Id=holdfast@1b.service
MainPID=0
"""


def test_units_that_run_have_properties_and_the_lines_that_set_them(tmp_path, monkeypatch):
    """A stopped slot is no instance; a span of time is asked for under systemd's name for it."""
    (tmp_path / "a.service").write_text("[Service]\nLimitNOFILE=8\n")
    (tmp_path / "b.conf").write_text("[Service]\nLimitNOFILE=9\n")
    asked = []

    def answer(*command):
        asked.append(command)
        return SHOWN.format(pid=os.getpid(), folder=tmp_path), ""

    monkeypatch.setattr(commands, "answer", answer)
    monkeypatch.setattr(processes, "gateways", lambda: [os.getpid()])

    found, reason = instances.instances("holdfast@*.service", ["LimitNOFILE", "TimeoutStopSec"])

    assert reason == ""
    assert [one["unit"] for one in found] == ["holdfast@1a.service"]
    assert found[0]["properties"] == {"LimitNOFILE": "9", "TimeoutStopSec": "1min 30s"}
    assert found[0]["declared"]["LimitNOFILE"]["file"] == f"{tmp_path}/b.conf"
    assert found[0]["needs_reload"] is True
    assert found[0]["descriptors"]["soft"] > 0
    assert "TimeoutStopUSec" in asked[0][3]


def test_process_without_a_unit_is_an_instance_too(monkeypatch):
    """In a container there is no systemd; its reason is told, and the gateway found all the same."""
    monkeypatch.setattr(commands, "answer", lambda *command: ("", "this host has no program systemctl"))
    monkeypatch.setattr(processes, "gateways", lambda: [os.getpid()])

    found, reason = instances.instances("holdfast@*.service", [])

    assert reason == "this host has no program systemctl"
    assert [(one["unit"], one["pid"]) for one in found] == [("", os.getpid())]


def test_parent_is_the_process_that_started_it():
    """What a unit's main process started belongs to it."""
    assert instances._parent(os.getpid()) == os.getppid()
    assert instances._parent(2**30) is None


def test_drop_ins_are_those_of_the_next_look_in_their_order(tmp_path, monkeypatch):
    """Systemd lists only what it has read; a new file is read where its name stands, and hides one of the same name."""
    vendor, own = tmp_path / "lib", tmp_path / "etc"
    monkeypatch.setattr(instances, "FOLDERS", (str(vendor), str(own)))
    hidden, first, second, known = (
        vendor / "holdfast@.service.d" / "90-a.conf",
        own / "holdfast@1a.service.d" / "05-b.conf",
        own / "holdfast@.service.d" / "90-a.conf",
        own / "holdfast@.service.d" / "10-known.conf",
    )
    for path in (hidden, first, second, known):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    found = instances.with_new("holdfast@1a.service", [str(known), "/none/50-gone.conf"])

    assert found == [str(first), str(known), str(second)]
