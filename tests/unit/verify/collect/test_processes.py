from __future__ import annotations

import os
import socket

from holdfast.verify.collect import processes

GONE = 2**30


def test_program_is_known_by_its_name_behind_any_interpreter():
    """A script of Python, a module, a program that writes its address behind its name; not somebody's argument."""
    assert processes.is_of(["/opt/venv/bin/python", "/opt/venv/bin/holdfast", "serve"], "holdfast", ("serve",))
    assert processes.is_of(["python3", "-m", "holdfast", "serve"], "holdfast", ("serve",))
    assert processes.is_of(["/usr/bin/redis-server 127.0.0.1:6379"], "redis-server")
    assert not processes.is_of(["/opt/venv/bin/holdfast", "profile", "check"], "holdfast", ("serve",))
    assert not processes.is_of(["vi", "-R", "x", "holdfast"], "holdfast")
    assert not processes.is_of([], "holdfast")


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
    assert GONE not in processes.running("holdfast", "serve")
