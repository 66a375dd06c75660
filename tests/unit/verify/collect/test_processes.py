from __future__ import annotations

import os
import socket

import pytest

from holdfast.verify.collect import processes

GONE = 2**30


VENV = "/opt/venv/bin/python3.11"


def test_program_is_known_by_its_own_name():
    """Whatever its folder; one that starts it, or has its name for an argument, is another."""
    assert processes.is_of(["/usr/sbin/haproxy", "-Ws"], "haproxy")
    assert processes.is_of(["/usr/bin/redis-server 127.0.0.1:6379"], "redis-server")
    assert not processes.is_of(["vi", "haproxy"], "haproxy")
    assert not processes.is_of(["tini", "--", "redis-server"], "redis-server")
    assert not processes.is_of([], "haproxy")


@pytest.mark.parametrize(
    "line",
    [
        [VENV, "/opt/venv/bin/holdfast", "serve"],
        [VENV, "-X", "dev", "-I", "/opt/venv/bin/holdfast", "serve", "--dev"],
        ["python3", "-m", "holdfast", "serve"],
    ],
)
def test_gateway_is_python_that_runs_the_command(line):
    """A console script or a module, whatever options stand before."""
    assert processes.is_gateway(line)
    assert processes.is_gateway(line, "/usr/bin/python3.11")


@pytest.mark.parametrize(
    "line",
    [
        ["tini", "--", "holdfast", "serve"],
        ["tini", "--", VENV, "-m", "holdfast", "serve"],
        ["bash", "-c", "holdfast serve"],
        ["sh", "/opt/venv/bin/holdfast", "serve"],
        ["nice", "-n", "19", "holdfast", "serve"],
        ["vi", "holdfast", "serve"],
        [VENV, "/opt/venv/bin/holdfast", "explain", "serve"],
        [VENV, "-m", "pytest", "holdfast", "serve"],
        [VENV, "-c", "print()", "holdfast", "serve"],
        [VENV],
        [],
    ],
)
def test_what_only_names_the_command_is_no_gateway(line):
    """An init that started it, a shell with the text in its line, another command of ours, another program."""
    assert not processes.is_gateway(line)


def test_program_that_runs_decides_where_it_can_be_seen():
    """A process may write anything into its command line."""
    assert not processes.is_gateway(["python3", "-m", "holdfast", "serve"], "/usr/bin/bash")


def test_processes_of_another_namespace_are_left_to_it(monkeypatch):
    """A container on this host is looked at in there; what cannot be told apart is taken for ours."""
    links = {"self": "pid:[1]", 4: "pid:[1]", 5: "pid:[2]", 6: ""}
    monkeypatch.setattr(processes.os, "listdir", lambda path: ["5", "4", "net", "6"])
    monkeypatch.setattr(processes, "_link", lambda pid, name: links[pid])

    assert processes._visible() == [4, 6]


def test_limits_and_descriptors_of_a_process_are_read():
    """Our own are those that the system tells."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = processes.descriptors(os.getpid())

    assert found is not None
    assert (found["soft"], found["hard"]) == (soft, hard)
    assert found["open"] > 2


def test_sockets_of_a_process_are_its_inodes():
    """A socket that is open is among them."""
    with socket.socket() as one:
        assert os.fstat(one.fileno()).st_ino in (processes.sockets(os.getpid()) or [])


def test_process_that_has_gone_is_nothing():
    """It may end between two readings."""
    assert processes.arguments(GONE) == []
    assert processes.descriptors(GONE) is None
    assert processes.sockets(GONE) is None
    assert GONE not in processes.gateways() + processes.running("haproxy")
