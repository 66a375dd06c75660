"""Tests of holdfast.verify.kubectl."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import Any

from holdfast.verify import kubectl

BACKEND = SimpleNamespace(name="p1", namespace="chat", container="gateway", context="c", kubeconfig=None)


def test_words_need_no_shell_and_no_sudo():
    """Python itself is run in the container; what is asked goes as its only argument."""
    assert kubectl.words(BACKEND, {"wait": 0}) == [
        "kubectl", "--context=c", "--namespace=chat", "exec", "-i", "p1", "--container", "gateway", "--", "python3",
        "-", '{"wait": 0}',
    ]  # fmt: skip


def test_ask_gives_the_program_by_standard_input():
    """It is too long for a URL, which is what the arguments of an exec become."""
    given: dict[str, Any] = {}

    def run(words: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
        given.update(more)
        return subprocess.CompletedProcess(words, 0, "{}", "")

    assert kubectl.ask(BACKEND, {}, run) == (0, "{}", "")
    assert "SOURCES" in given["input"]
