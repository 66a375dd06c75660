"""Tests of holdfast.diagnostics.resources_proc."""

from __future__ import annotations

import os
from mmap import PAGESIZE
from pathlib import Path

import pytest

from holdfast.diagnostics.resources_proc import UNLIMITED, HostFacts, Limit, NetworkFacts, Proc, ProcessFacts
from tests.unit.diagnostics.machines import machine


def test_process_is_read(tmp_path: Path) -> None:
    """Limits, descriptors, memory, threads, CPU time and sockets of one process."""
    found = Proc(machine(tmp_path)).process(7)

    assert found.open_files == Limit(1024, 524288)
    assert (found.descriptors, found.inodes) == (4, frozenset({111, 222}))
    assert (found.rss_bytes, found.threads) == (51200 * 1024, 3)
    assert found.cpu_seconds == 200 / os.sysconf("SC_CLK_TCK")


def test_network_is_read(tmp_path: Path) -> None:
    """Limits, what is used, and traffic without loopback."""
    found = Proc(machine(tmp_path)).network()

    assert found == NetworkFacts(
        somaxconn=128,
        syn_backlog=2048,
        port_range=(32768, 60999),
        tcp_memory=(100 * PAGESIZE, 200 * PAGESIZE, 300 * PAGESIZE),
        tcp_memory_used=50 * PAGESIZE,
        conntrack=(900, 1000),
        listen_overflows=4,
        listen_drops=6,
        received_bytes=1000,
        sent_bytes=2000,
    )


def test_host_is_read(tmp_path: Path) -> None:
    """Descriptors of all, memory, load."""
    found = Proc(machine(tmp_path)).host()

    assert (found.files, found.nr_open) == ((1000, 100000), 1048576)
    assert (found.memory_total, found.memory_available, found.load) == (2048 * 1024, 1024000 * 1024, 0.5)


@pytest.mark.parametrize("word", ["unlimited", "18446744073709551615"])
def test_process_without_limit(tmp_path: Path, word: str) -> None:
    """`unlimited` is a limit of its own."""
    limits = f"Max open files            {word}            {word}            files\n"
    found = Proc(machine(tmp_path, {"proc/7/limits": limits})).process(7)

    assert found.open_files == (Limit(UNLIMITED, UNLIMITED) if word == "unlimited" else Limit(int(word), int(word)))


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    """Nothing raises: no Linux, another user's process, an old kernel."""
    proc = Proc(tmp_path)

    assert proc.process(7) == ProcessFacts(7)
    assert proc.network() == NetworkFacts()
    assert proc.host() == HostFacts(cpus=proc.host().cpus)


@pytest.mark.parametrize("text", ["", "x", "Max open files", "Max open files  a b", "7 (x", "\n:\n::", "1"])
def test_rubbish_is_borne(tmp_path: Path, text: str) -> None:
    """Files that say something else."""
    names = ("status", "limits", "stat")
    files = {f"proc/7/{name}": text for name in names} | {
        f"proc/{name}": text for name in ("net/sockstat", "net/netstat", "net/dev", "meminfo", "loadavg")
    }
    proc = Proc(machine(tmp_path, files))

    proc.network()
    proc.host()
    assert proc.process(7).cpu_seconds is None
