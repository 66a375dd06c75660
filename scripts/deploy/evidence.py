"""What to show of a playbook that failed: the host, the task, its words, and the last lines of the host's journal."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from holdfast.cli.ops.ssh import never_got_there

from .events import LOST, Event
from .playbooks import BIN, Play, environment
from .problems import DeployError, Exit
from .target import ANSIBLE, Target

JOURNAL = "journalctl -q -n 12 --no-pager -o short-iso -u 'holdfast@*' -u haproxy -u redis-server --since -15min"
JOURNAL_SECONDS = 45.0
MOST_LINES = 20
# Names of tasks of the roles: what is judged beforehand, and the refusal of a rollback that has nothing to lead to.
BEFOREHAND = ("Judge", "Find the wheel", "Secrets")
NOTHING_BEFORE = "Judge whether there is a release before"


def failure(target: Target, play: Play, following: str) -> DeployError:
    """Return the error that a playbook ended with."""
    failures = play.failures
    if not failures:
        last = play.log.read_text(errors="replace").strip().splitlines()[-MOST_LINES:]
        return DeployError(
            f"{play.name} ended with {play.code}",
            Exit.UNKNOWN,
            evidence=[*last, f"log: {play.log}"],
            following=following,
        )
    first = failures[0]
    evidence = [line for one in failures for line in _told(one)]
    if first.state not in LOST and is_on_host(first):
        evidence += [f"{first.host}: {line}" for line in journal(target, first.host)]
    code = Exit.UNKNOWN if all(one.state in LOST for one in failures) else Exit.FOUND
    hosts = ", ".join(one.host for one in failures)
    return DeployError(
        f"{play.name} failed on {hosts}", code, evidence=[*evidence, f"log: {play.log}"], following=following
    )


def is_on_host(event: Event) -> bool:
    """Tell whether something on the host may say more: what is judged beforehand never got there."""
    return not event.task.startswith(BEFOREHAND)


def has_nothing_before(play: Play) -> bool:
    """Tell whether it failed because there is no release to go back to."""
    return bool(play.failures) and all(one.task == NOTHING_BEFORE for one in play.failures)


def journal(target: Target, host: str) -> list[str]:
    """Return the last lines of a host's journal, as far as they can be had."""
    words = [BIN / "ansible", host, *(f"-i{path}" for path in target.inventories), "-b", "-m", "raw", "-a", JOURNAL]
    try:
        done = subprocess.run(
            words, cwd=ANSIBLE, env=environment(target.folder / "journal.events"), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=JOURNAL_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ["its journal could not be had in time"]
    finally:
        (target.folder / "journal.events").unlink(missing_ok=True)
    # The first line is Ansible's own heading.
    return journal_lines(done.stdout.splitlines())


def journal_lines(lines: Sequence[str]) -> list[str]:
    """Return the journal's lines out of what the command said."""
    return [line[:300] for line in lines if line.strip() and " | " not in line[:60]]


def _told(event: Event) -> list[str]:
    said = [event.msg, event.stderr or ("" if event.msg else event.stdout)]
    lines = [line.strip()[:500] for text in said for line in text.splitlines() if line.strip()]
    if event.state in LOST and not never_got_there(event.msg):
        lines.append(
            "the connection was lost in its middle: it may have been done; the next run looks at what is there"
        )
    return [f"{event.host}: {event.what}: {event.state}", *(f"  {line}" for line in lines[:MOST_LINES])]
