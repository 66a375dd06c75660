from __future__ import annotations

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


def test_module_that_is_built_in_is_loaded(monkeypatch):
    """One without a folder below /sys/module shows in what it brings; another is not there."""
    monkeypatch.setattr(host, "_text", lambda path: "reno cubic holdfast")

    assert host.modules(["tcp_holdfast", "tcp_none", "none"]) == {
        "tcp_holdfast": "loaded",
        "tcp_none": None,
        "none": None,
    }
