"""`make verify`: hold every host against the profile by the tests of holdfast.verify, and show what drifted."""

from __future__ import annotations

import os
import subprocess
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path

from . import inventory
from .inventory import Inventory
from .playbooks import BIN, environment
from .problems import DeployError, Exit
from .target import ANSIBLE, Target

TESTS = "holdfast.verify"
SHOWN = ("drift", "expired", "unknown", "waived")
CHECK_SECONDS = 900.0
Row = dict[str, str]


def run(target: Target, say: Callable[[str], None], *, is_regular: bool = False) -> Exit:
    """Check all hosts, show what is not as expected, and return the exit code.

    Args:
        target: whose hosts.
        say: takes a line.
        is_regular: also tell which counters grew since the last regular check. A deploy does not answer for those.

    Raises:
        DeployError: the checks could not run.
    """
    if util.find_spec(TESTS) is None:
        raise DeployError(f"the package {TESTS} is missing", Exit.UNKNOWN, following="make setup")
    found = inventory.read(target)
    target.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    rows: list[Row] = []
    checks = checks_of(found)
    for number, check in enumerate(checks, 1):
        report = target.folder / (f"verify-{number}.xml" if len(checks) > 1 else "verify.xml")
        words = command(target, check, report, is_regular=is_regular)
        rows += results(words, report, ANSIBLE, environment(Path(os.devnull)), target.command("doctor"))
        say(f"  report: {report}")
    for line in table(rows):
        say(f"  {line}")
    return code_of(rows)


@dataclass(frozen=True)
class Check:
    """Hosts that are held against one profile, with one file of waivers or none."""

    profile: str
    waivers: str
    hosts: list[str] = field(default_factory=list)


def checks_of(found: Inventory) -> list[Check]:
    """Return the hosts by profile and waivers: each is held against what its own variables name."""
    made: dict[tuple[str, str], Check] = {}
    for host in found.hosts:
        variables = found.variables.get(host, {})
        key = (str(variables.get("holdfast_profile") or ""), str(variables.get("holdfast_waivers") or ""))
        made.setdefault(key, Check(*key)).hosts.append(host)
    return list(made.values())


def command(target: Target, check: Check, report: Path, *, is_regular: bool = False) -> list[str]:
    """Return the command line that makes one check; a regular one keeps what counters had for the next."""
    return [
        *pytest_of(target.folder, check.profile, [f"ansible://{host}" for host in check.hosts], report),
        *([f"--holdfast-waivers={check.waivers}"] if check.waivers else []),
        f"--ansible-inventory={target.inventories[-1]}",
        *([f"--holdfast-state={target.folder / 'counters.json'}"] if is_regular else []),
    ]


def pytest_of(folder: Path, profile: str, hosts: Sequence[str], report: Path) -> list[str]:
    """Return the command line that holds hosts, as testinfra takes them, against a profile; options may follow."""
    return [
        str(BIN / "python"), "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(folder),
        "-p", "no:cacheprovider", "-p", f"{TESTS}.plugin", "--pyargs", TESTS,
        f"--holdfast-profile={profile}", f"--hosts={','.join(hosts)}", f"--junit-xml={report}",
    ]  # fmt: skip


def rows_of(report: str) -> list[Row]:
    """Return the results in a report of pytest's: what each test noted, and its host."""
    rows = []
    for case in ElementTree.fromstring(report).iter("testcase"):  # noqa: S314 - as above
        row = {one.get("name", ""): one.get("value", "") for one in case.iter("property")}
        inside = case.get("name", "").partition("[")[2].rstrip("]")
        control = row.get("id") or (f"hf-{inside.partition('-hf-')[2]}" if "-hf-" in inside else "")
        host = inside.removesuffix(f"-{control}") if control else inside
        if "status" not in row:
            row = {"status": "unknown", "actual": " ".join("".join(case.itertext()).split())[:300]}
        rows.append({**row, "host": host, "id": control})
    return rows


def table(rows: Sequence[Row]) -> list[str]:
    """Return a paragraph for each thing that is not as expected, and the counts."""
    lines: list[str] = []
    told: set[str] = set()
    for row in sorted((row for row in rows if row["status"] in SHOWN), key=lambda row: SHOWN.index(row["status"])):
        if row["status"] == "unknown":
            text = f"UNKNOWN {row['host']}: {row.get('actual', '')}"
            lines += [] if text in told else [text]
            told.add(text)
            continue
        lines.append(f"{row['status'].upper():7} {row['host']} {row['id']} {row.get('key', '')}")
        lines.append(f"        expected {row.get('expected', '')}, saw {row.get('actual', '')}")
        lines += [f"        {name}: {row[name]}" for name in ("where", "fix", "waiver") if row.get(name)]
    counts = Counter(row["status"].replace("_", " ") for row in rows)
    return [*lines, ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "nothing was checked"]


def code_of(rows: Sequence[Row]) -> Exit:
    """Return 1 for drift, 4 where something could not be checked."""
    statuses = {row["status"] for row in rows}
    if statuses & {"drift", "expired"}:
        return Exit.FOUND
    return Exit.UNKNOWN if "unknown" in statuses or not rows else Exit.FINE


def results(
    words: Sequence[str], report: Path, folder: Path, variables: Mapping[str, str], following: str
) -> list[Row]:
    """Run a command line of `pytest_of` in a folder and return what it reports.

    Raises:
        DeployError: the checks could not run, or did not end; `following` says what to do then.
    """
    report.unlink(missing_ok=True)
    try:
        done = subprocess.run(
            words, cwd=folder, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=CHECK_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise DeployError(f"the checks did not end within {CHECK_SECONDS:.0f} s", Exit.UNKNOWN) from None
    # 0 all passed, 1 some failed; all else is pytest's own.
    if done.returncode not in (0, 1) or not report.exists():
        evidence = (done.stdout + done.stderr).strip().splitlines()[-12:]
        raise DeployError("the checks could not run", Exit.UNKNOWN, evidence=evidence, following=following)
    return rows_of(report.read_text())
