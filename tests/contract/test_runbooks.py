"""A runbook can be followed: it has its form, and whatever it names is there."""

from __future__ import annotations

import re
import shlex
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from holdfast.cli.program import app
from holdfast.codes import ALL
from holdfast.settings import Settings
from holdfast.settings_monitor import EventKind
from holdfast.settings_sources import read_file
from holdfast.telemetry.metrics import render_metrics_docs
from tests.runbooks import KINDS, ROOT, RUNBOOKS, Runbook

HEADINGS = [
    "Meaning",
    "Impact",
    "Severity and escalation",
    "First five minutes",
    "Diagnosis",
    "Mitigation",
    "Verification",
    "Follow-up",
]
# What docs/monitoring.md measures under a name that is not that of its book.
RESOURCES = {"memory", "descriptors", "cpu", "loop_lag", "socket_memory", "conntrack", "accept_queue"}
METRICS = set(re.findall(r"^\| `(\w+)`", render_metrics_docs(), re.MULTILINE))
SETTINGS = set(re.findall(r"`([a-z_0-9.]+)`<br>", (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")))
EVENTS_OF_WEBHOOKS = set(get_args(EventKind))
LOGS = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
EVENTS = set(re.findall(r"`(\w+)`", LOGS))
# Those of Redis have a dot, as settings have.
DOTTED_EVENTS = {
    name for row in re.findall(r"^\| (`[^|]+) \|", LOGS, re.MULTILINE) for name in re.findall(r"`(broker\.\w+)`", row)
}

each = pytest.mark.parametrize("book", RUNBOOKS, ids=lambda book: book.name)


def test_every_cause_has_its_runbook():
    """Whatever codes.py names is a file of runbooks/."""
    assert {code.runbook for code in ALL} - {book.name for book in RUNBOOKS} == set()


def test_every_resource_has_its_runbook():
    """What the monitor calls scarce is a file with the resource's name."""
    assert {resource.replace("_", "-") for resource in RESOURCES} - {book.name for book in RUNBOOKS} == set()


def test_every_runbook_is_named():
    """No book is left that nobody is led to: by a cause, a resource, the page of log lines or that of deploys."""
    pages = ("logs.md", "make-deploy.md", "deploy-kubernetes.md")
    texts = "".join((ROOT / "docs" / page).read_text("utf-8") for page in pages)
    linked = set(re.findall(r"\(\.\./runbooks/([a-z-]+)\.md\)", texts))
    named = {code.runbook for code in ALL} | {resource.replace("_", "-") for resource in RESOURCES} | linked

    assert {book.name for book in RUNBOOKS} - named == set()


def test_index_lists_every_runbook():
    """runbooks/README.md has a line for each."""
    index = (ROOT / "runbooks" / "README.md").read_text(encoding="utf-8")

    assert [book.name for book in RUNBOOKS if f"]({book.name}.md)" not in index] == []


@each
def test_runbook_has_its_form(book: Runbook):
    """Owner, day of the last drill or none yet, the file's name as title, and all headings in order."""
    drilled = book.front["last_drilled"]

    assert book.front["owner"]
    assert not drilled or date.fromisoformat(drilled)
    assert book.headings(1) == [book.name]
    assert book.headings(2) == HEADINGS


@each
def test_shell_blocks_say_whether_they_change_anything(book: Runbook):
    """Whoever pastes a block knows before, and what is read-only is run by a test."""
    shell = [block.kind for block in book.blocks if block.kind.startswith(("sh", "bash", "console"))]

    assert set(shell) <= set(KINDS)
    assert "sh setup" in shell
    assert "sh safe=read-only" in shell


@each
def test_diagnosis_says_what_to_expect(book: Runbook):
    """Each step has a command and what it prints."""
    steps = re.split(r"^\d+\. ", book.section("Diagnosis"), flags=re.MULTILINE)[1:]

    assert steps
    assert [step.splitlines()[0] for step in steps if "```sh " not in step or "Expect:\n\n```text\n" not in step] == []


@each
def test_mitigation_says_how_to_undo_it(book: Runbook):
    """A step with a command says what to expect and how to go back, or that there is no way back."""
    steps = re.split(r"^\d+\. ", book.section("Mitigation"), flags=re.MULTILINE)[1:]
    acting = [step for step in steps if "```sh safe=no" in step]

    assert steps
    assert [step.splitlines()[0] for step in acting if not re.search(r"[Uu]ndo", step)] == []
    assert [step.splitlines()[0] for step in acting if "Expect" not in step] == []


@each
def test_commands_exist(book: Runbook):
    """Each `holdfast` command has that subcommand and those options."""
    for line in book.lines(*KINDS):
        for words in _holdfast_calls(line):
            _resolve(words)


@each
def test_targets_of_make_exist(book: Runbook):
    """Each `make` names a target that `make help` lists."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {line.split()[1] for line in book.lines(*KINDS) if line.startswith("make ")}

    assert named - targets == set()


@each
def test_metrics_exist(book: Runbook):
    """Each metric that is named or searched for is one of docs/metrics.md."""
    named = {name for name in _names(book.text, "holdfast_") if not _is_metric(name)}

    assert named == set()


@each
def test_events_exist(book: Runbook):
    """Each event that is searched for in the log is one of docs/logs.md."""
    searched = set(re.findall(r'event\\?": \\?"([a-z_]+)', book.text))
    searched |= {name for group in re.findall(r'event": "\(([a-z_|]+)\)', book.text) for name in group.split("|")}

    assert searched - EVENTS == set()


@each
def test_settings_exist(book: Runbook, tmp_path: Path):
    """Each setting that is named is there, and what is to be set can be."""
    groups = {name.partition(".")[0] for name in SETTINGS if "." in name}
    named = set(re.findall(r"`([a-z_0-9]+(?:\.[a-z_0-9]+)+)`", book.prose))
    named = {name for name in named if name.partition(".")[0] in groups and not name.endswith((".md", ".yaml"))}

    assert {name for name in named - EVENTS_OF_WEBHOOKS - DOTTED_EVENTS if not _is_setting(name)} == set()
    for block in book.blocks:
        if block.kind == "yaml":
            file = tmp_path / "holdfast.yaml"
            file.write_text(block.text)
            Settings.model_validate(read_file(file).data)


def _is_metric(name: str) -> bool:
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    return base in METRICS or any(metric.startswith(name) for metric in METRICS)


def _is_setting(name: str) -> bool:
    return any(setting == name or setting.startswith(f"{name}.") for setting in SETTINGS)


def _names(text: str, prefix: str) -> set[str]:
    """Return the names with this prefix, those of alternatives in brackets too."""
    found = set()
    for match in re.finditer(rf"{prefix}(?:\w|\([a-z_|]+\))*", text):
        parts = [part.strip("()").split("|") for part in re.findall(r"\([^)]*\)|\w+", match[0])]
        found |= {"".join(choice) for choice in product(*parts)}
    return found


def _holdfast_calls(line: str) -> list[list[str]]:
    calls: list[list[str]] = [[]]
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    for word in words:
        if set(word) <= set("|&;<>()"):
            calls.append([])
        else:
            calls[-1].append(word)
    return [call[1:] for call in calls if call and call[0] == "holdfast"]


def _resolve(words: list[str]) -> None:
    said, rest = f"holdfast {' '.join(words)}", list(words)
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert rest, f"{said}: names no command"
        assert rest[0] in command.commands, f"{said}: no such command"
        command = command.commands[rest.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}

    assert {word for word in rest if word.startswith("--")} <= known, said
