"""Runbooks of a fleet are followed on one: every command of theirs runs as it stands there."""

from __future__ import annotations

import pytest

from tests.infra.deployment import Deployment
from tests.runbooks import READ_ONLY, RUNBOOKS

pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]

BOOKS = [book for book in RUNBOOKS if book.is_for_hosts]
# In the order in which they make sense, with what each prints; a first deploy has nothing before it to go back to.
ACTING = {
    "make drain ENV=$ENV HOST=$HOST CONFIRM=$ENV": "Empty.",
    "make undrain ENV=$ENV HOST=$HOST CONFIRM=$ENV": "serves again",
    "make rollback ENV=$ENV CONFIRM=$ENV": "first release that is recorded",
    "make rollback ENV=$ENV CONFIRM=$ENV TUNING=1": "Back.",
    "make deploy ENV=$ENV CONFIRM=$ENV": "Back: make rollback",
}
REFUSED = {"make rollback ENV=$ENV CONFIRM=$ENV"}


def test_every_mutating_command_is_among_those_that_are_run() -> None:
    """A book that gains a command gets it tried here."""
    assert {line for book in BOOKS for line in book.lines("sh safe=no")} == set(ACTING)


@pytest.mark.proof
def test_read_only_commands_run(deployed: Deployment) -> None:
    """Each once, whichever book has it; on a fleet that is well they end well."""
    lines = dict.fromkeys(line for book in BOOKS for line in book.lines(READ_ONLY))
    ended = {line: deployed.line(f"set -o pipefail; {line}") for line in lines}

    assert {line: done.stdout[-800:] for line, done in ended.items() if done.returncode} == {}


@pytest.mark.proof
def test_mutating_commands_do_what_they_say(deployed: Deployment) -> None:
    """Drained and back; the tuning taken back and brought again; the deploy after it ends with no drift."""
    for line, words in ACTING.items():
        done = deployed.line(line)

        assert (done.returncode != 0) == (line in REFUSED), done.stdout
        assert words in done.stdout, done.stdout
        if "TUNING=1" in line:
            assert deployed.on("gw1", "ls /etc/sysctl.d/90-holdfast.conf 2>/dev/null || true") == ""
