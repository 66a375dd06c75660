"""What runbooks call read-only really runs, against a real gateway, and ends as documented."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.gateway import ADMIN_TOKEN, SETTINGS, Gateway, merged, running
from tests.runbooks import READ_ONLY, RUNBOOKS, Runbook

LINE_SECONDS = 90
# Exit codes of what a line is made of: docs/cli.md has those of `holdfast`, a `grep` that finds nothing ends with 1,
# and a reader that has enough (`head`) ends whoever writes to it.
SIGPIPE = 128 + 13
CODES = {"holdfast": {0, 1, 2, SIGPIPE}, "grep": {0, 1, SIGPIPE}, "curl": {0, SIGPIPE}}
PROBE = {0, *range(10, 22)}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The environment of somebody on the machine of a gateway that has seen a refusal, a session and its end."""
    folder = tmp_path_factory.mktemp("runbooks")
    log = folder / "gateway.log"
    settings = {"log": {"file": str(log)}}
    (folder / "run").mkdir()
    with running(folder / "run", settings) as gateway:
        place = folder / "holdfast.yaml"
        place.write_text(yaml.safe_dump(merged(SETTINGS, {**settings, "port": gateway.port})))
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GATEWAY": gateway.url,
            "LOG": str(log),
            "ADMIN_TOKEN": ADMIN_TOKEN,
            "HOLDFAST_CONFIG": str(place),
        }
        _live_a_little(gateway, environment)
        yield environment


def _live_a_little(gateway: Gateway, environment: Mapping[str, str]) -> None:
    for token in (gateway.token("42"), "not-a-token"):
        line = f"holdfast probe {gateway.ws_url} --channel full:runbooks --token {shlex.quote(token)}"
        subprocess.run(["bash", "-c", line], env=environment, timeout=LINE_SECONDS, check=False, capture_output=True)


# Those of hosts and clusters are run where these are: tests/infra/test_runbooks.py, tests/cluster/test_deploy.py.
BOOKS = [book for book in RUNBOOKS if not book.is_for_hosts and not book.is_for_clusters]


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.name)
def test_read_only_lines_run(book: Runbook, shell: Mapping[str, str]) -> None:
    """Each command of each read-only block is there and ends with an exit code that is documented."""
    wrong = []
    for line in book.lines(READ_ONLY):
        done = _run(line, tuple(shell.items()))
        codes = [int(code) for code in done.stdout.rpartition("\n")[2].split()]
        commands = [part.split()[0] for part in _parts(line)]
        if len(commands) == len(codes):
            bad = [one for one in zip(commands, codes, strict=True) if one[1] not in _allowed(one[0], line)]
            # Whose errors are thrown away is not on every machine, as runbooks/README.md says.
            bad = [] if "2>/dev/null" in line else bad
        else:
            bad = [("", code) for code in codes if code]
        wrong += [(line, bad, done.stderr[-500:])] if bad else []

    assert wrong == []


@cache
def _run(line: str, environment: tuple[tuple[str, str], ...]) -> subprocess.CompletedProcess[str]:
    """Run a line, once however many books have it; the exit codes of its commands are the last line of its output."""
    return subprocess.run(
        ["bash", "-c", f'{line}\nprintf "\\n%s" "${{PIPESTATUS[*]}}"'],
        env=dict(environment), capture_output=True, text=True, timeout=LINE_SECONDS, check=False,
    )  # fmt: skip


def _parts(line: str) -> list[str]:
    """Return the commands of a pipeline."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    words.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set("|&;"):
            parts.append([])
        else:
            parts[-1].append(word)
    return [" ".join(part) for part in parts]


def _allowed(command: str, line: str) -> set[int]:
    if command == "holdfast" and "holdfast probe" in line:
        return PROBE
    return CODES.get(command, {0, SIGPIPE})
