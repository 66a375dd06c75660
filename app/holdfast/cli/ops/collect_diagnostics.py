"""A bundle for support of each instance, those that are down too, without secrets."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.fleet import Member
from holdfast.cli.ops.kube import Cluster
from holdfast.cli.ops.rails import Rails, script
from holdfast.cli.ops.ssh import SshHost

if TYPE_CHECKING:
    from holdfast.diagnostics.bundle import Bundle


_JOURNAL_LINES = "5000"


@script(locks=False)
def collect_diagnostics(
    rails: Rails,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to make; else holdfast-diagnostics-TIME here.")
    ] = None,
) -> None:
    """Write what `holdfast diagnose bundle` collects for each instance, with the end of its log, into a folder.

    Exits 1 when an instance did not answer; its bundle says so.
    """
    now = time.time()
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    folder = output or Path(f"holdfast-diagnostics-{stamp}")
    if folder.exists():
        raise CliError(f"--output: {folder} is there already; name another folder", Exit.USAGE)
    members = rails.fleet.members.values()
    if not rails.begins(f"write bundles of {', '.join(one.name for one in members)} into {folder}"):
        return
    _make(folder)
    files: dict[str, str] = {}
    rails.facts["files"] = files
    for member in members:
        name = f"{member.name.replace('/', '_')}-{stamp}"
        bundle = _collect(member, rails.common.config, now)
        path = folder / f"{name}.tar.gz"
        size = bundle.write(path, name, now)
        files[member.name] = str(path)
        rails.tell(f"{path} ({size:,} bytes)")
        if "admin/nodes.json" in bundle.missing:
            rails.tell(f"{member.name} did not answer: {bundle.missing['admin/nodes.json']}")
            rails.found(Exit.FOUND)


def _collect(member: Member, config: Path | None, now: float) -> Bundle:
    from holdfast.cli.diagnose_bundle import add_log, collect

    record = member.record
    own = Path(record.config) if record.config else config
    bundle = collect(own, member.place.internal, member.place.admin_token, now)
    if member.host is not None:
        _add_from(member.host, member, bundle)
        return bundle
    if member.cluster is not None:
        _add_of_pod(member.cluster, member.name, bundle)
        return bundle
    for part, file in (("log.txt", record.log), ("output.txt", record.output)):
        if file and (part != "log.txt" or part in bundle.missing):
            bundle.missing.pop(part, None)
            add_log(bundle, Path(file), part)
    return bundle


def _add_from(host: SshHost, member: Member, bundle: Bundle) -> None:
    """Add what another machine says of its unit: state, journal, and the log file if one is named."""
    unit, log = member.record.unit, member.record.log
    wanted = {
        "unit.txt": ("systemctl", "show", "--no-pager", "--", unit),
        "output.txt": ("journalctl", "--no-pager", "-o", "short-iso-precise", "-n", _JOURNAL_LINES, "-u", unit),
    }
    if log:
        wanted["log.txt"] = ("tail", "-n", _JOURNAL_LINES, "--", log)
    for part, words in wanted.items():
        try:
            text = host.look(*words)
        except CliError as error:
            bundle.miss(part, str(error).partition("\n")[0])
        else:
            bundle.missing.pop(part, None)
            bundle.add_text(part, text.decode(errors="replace"))


def _add_of_pod(cluster: Cluster, name: str, bundle: Bundle) -> None:
    """Add what the cluster says of a pod: its description with events, its log, and that of the run before."""
    log = ("logs", name, "--container", cluster.pods.container, f"--tail={_JOURNAL_LINES}", "--timestamps")
    wanted = {"pod.txt": ("describe", "pod", name), "log.txt": log, "previous.txt": (*log, "--previous")}
    for part, words in wanted.items():
        done = cluster.run(*words)
        if done.returncode:
            bundle.miss(part, done.stderr.strip().partition("\n")[0])
        else:
            bundle.missing.pop(part, None)
            bundle.add_text(part, done.stdout)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise CliError(f"--output: {folder} cannot be made: {error.strerror}", Exit.USAGE) from None
