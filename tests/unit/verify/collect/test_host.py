from __future__ import annotations

from types import SimpleNamespace

from holdfast.verify.collect import host


def test_memory_is_in_whole_mib():
    """As Ansible's facts have it, so that both calculate the same numbers."""
    assert host.memory("MemTotal:       16384999 kB\nMemFree: 1 kB\n") == 16000 * 1024**2 + 0
    assert host.memory("") == 0


def test_host_is_told_by_name_kernel_and_boot():
    """Everything that numbers depend on is there."""
    found = host.host()

    assert found["name"]
    assert found["cores"] >= 1
    assert found["page_bytes"] >= 4096
    assert len(found["boot_id"]) == 36


def test_module_that_can_be_unloaded_is_told_from_one_that_is_built_in(monkeypatch):
    """Only the first has to be loaded early."""
    monkeypatch.setattr(host, "_text", lambda path: "nf_conntrack 196608 1 nf_nat, Live 0x0\n")

    assert host.modules(["nf_conntrack"]) == {"nf_conntrack": "loaded"}


def test_container_is_known_by_its_cluster_or_its_processes(monkeypatch):
    """The cluster's variable, or another namespace of processes than the one that the machine started with."""
    monkeypatch.setattr(host.os, "stat", lambda path: SimpleNamespace(st_ino=host._MACHINES_PROCESSES))
    machine, pod = host.container({}), host.container({"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    monkeypatch.setattr(host.os, "stat", lambda path: SimpleNamespace(st_ino=1))

    assert (machine, pod, host.container({})) == ("", "pod", "container")


def test_host_of_systemds_is_no_container(monkeypatch):
    """A test host in a namespace of its own has units and files, and is held against them."""
    monkeypatch.setattr(host, "has_systemd", lambda: True)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")

    found = host.host()

    assert (found["systemd"], found["container"]) == (True, "")


def test_module_that_is_built_in_is_known_by_what_it_brings(monkeypatch):
    """One without a folder below /sys/module shows all the same; another is not there."""
    monkeypatch.setattr(host, "_text", lambda path: "reno cubic holdfast")

    assert host.modules(["tcp_holdfast", "tcp_none", "none"]) == {
        "tcp_holdfast": "built in",
        "tcp_none": None,
        "none": None,
    }
