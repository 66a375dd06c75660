"""Tests of scripts/hosts/vm_image.py, with QEMU and its monitor played by stand-ins."""

from __future__ import annotations

import json
import socket
import sys
import threading
from pathlib import Path

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from hosts import vm_image
from hosts.shell import HostsError


def test_frozen_machine_goes_on_with_the_same_devices():
    """Two runs differ in files and links alone, whose names are no options."""
    one = vm_image.command(Path("/i"), vm_image.Parts(Path("/a,b"), Path("/c"), "hf1-vm1", Path("/d")))
    other = vm_image.command(Path("/i"), vm_image.Parts(Path("/e"), Path("/f"), "hfvm7", Path("/g")))

    assert [word for word in one if word.startswith("virtio")] == [word for word in other if word.startswith("virtio")]
    assert len(one) == len(other)
    assert "file=/a,,b,if=none,id=disk,format=qcow2,cache=unsafe" in one


def test_image_of_another_emulator_is_another(monkeypatch):
    """What one version froze another one may not read."""
    monkeypatch.setattr(vm_image, "run", lambda *words: "QEMU 7.2")
    first = vm_image.key()
    monkeypatch.setattr(vm_image, "run", lambda *words: "QEMU 8.0")

    assert vm_image.key() != first


def test_image_is_built_once(tmp_path, monkeypatch):
    """The second time nothing is built, and one that failed is not there."""
    calls: list[str] = []

    def freeze(image, folder, say):
        calls.append("freeze")
        if len(calls) == 2:
            raise HostsError("It did not boot.")
        image.rename(folder)

    monkeypatch.setattr(vm_image, "key", lambda: "x")
    monkeypatch.setattr(vm_image, "_build", lambda image, say: calls.append("build"))
    monkeypatch.setattr(vm_image, "_freeze", freeze)

    with pytest.raises(HostsError):
        vm_image.ensure(tmp_path, print)
    assert not (tmp_path / "vm-x").exists()
    assert vm_image.ensure(tmp_path, print) == vm_image.ensure(tmp_path, print)
    assert calls == ["build", "freeze", "build", "freeze"]


def monitor(path: Path, *answers: dict) -> threading.Thread:
    """Play QEMU's monitor for one connection: a greeting, and an answer for each line."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(1)

    def serve() -> None:
        connection, _ = server.accept()
        with server, connection, connection.makefile("rw") as stream:
            stream.write('{"QMP": {}}\n')
            stream.flush()
            for answer in answers:
                stream.readline()
                stream.write('{"event": "STOP"}\n' + json.dumps(answer) + "\n")
                stream.flush()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def test_monitor_answers_a_line(tmp_path):
    """What it tells of itself in between is no answer."""
    thread = monitor(tmp_path / "m", {"return": {}}, {"return": "No space left\r\n"})

    assert vm_image.ask(tmp_path / "m", "savevm ready", 10) == "No space left\r\n"
    thread.join(10)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([{"error": {"desc": "not now"}}], "QEMU answered: not now"),
        ([{"return": {}}], "ended or stood still before it answered `savevm ready`"),
    ],
)
def test_monitor_that_does_not_answer_is_named(tmp_path, answers, said):
    """A refusal and an end are told in a sentence."""
    monitor(tmp_path / "m", *answers)

    with pytest.raises(HostsError, match=said):
        vm_image.ask(tmp_path / "m", "savevm ready", 10)
