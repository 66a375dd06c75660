"""The commands of the Makefile, each made of stages over playbooks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import changes, checks, confirm, doctor, evidence, instances, inventory, local, verify
from .playbooks import Play, Runner
from .problems import DeployError, Exit
from .stages import Stages
from .target import Target

Say = Callable[[str], None]
# A restart or rollback that was cut off longer ago is forgotten: what began since then would be left alone.
GOES_ON_SECONDS = 24 * 3600
STAYS = "Tell that the host stays as it is"


@dataclass
class Command:
    """One command on one target."""

    target: Target
    runner: Runner
    say: Say
    confirmed: str = ""
    is_terminal: bool = False
    host: str = ""
    tuning: bool = False

    def __post_init__(self) -> None:
        self.stages = Stages(self.say)

    # One method for each target of the Makefile; each returns the exit code or raises DeployError.

    def doctor(self) -> Exit:
        """Say what is wrong before anything is touched."""
        return checks.tell(doctor.examine(self.runner), self.say)

    def plan(self) -> Exit:
        """Show all that would change."""
        self._need_hosts()
        with self.stages.stage("plan", "what would change; nothing is changed"):
            self._plan(f"correct that, then {self.target.command('plan')}")
        return Exit.FINE

    def deploy(self) -> Exit:
        """Bring hosts, gateways and all to what the inventory and the profile say."""
        if self.target.makes_hosts:
            with self.stages.stage("hosts", "test hosts on this machine"):
                self._make_hosts()
        with self.stages.stage("doctor", "whether it can be done"):
            self._doctor_or_stop()
        with self.stages.stage("plan", "what would change; nothing is changed"):
            is_change = self._plan()
        if is_change:
            self._confirm(self.target.command("deploy"))
        with self.stages.stage("tune", "kernel, limits, monitoring"):
            self._play("site")
        # What it leads to is no longer what a rollback that was cut off was about.
        self._began("rollback").unlink(missing_ok=True)
        with self.stages.stage("roll", "Redis, HAProxy, gateways; one host at a time"):
            self._play("deploy")
        self._after()
        self.say(f"Deployed to {self.target.name}. Back: {self.target.command('rollback')}")
        return Exit.FINE

    def verify(self) -> Exit:
        """Hold every host against the profile."""
        self._need_hosts()
        return verify.run(self.target, self.say, is_regular=True)

    def rollback(self) -> Exit:
        """Bring back the version before, or what the tuning changed."""
        self._need_hosts()
        again = self.target.command("rollback", *(["TUNING=1"] if self.tuning else []))
        self._confirm(again)
        goes_on = f"correct that, then {self.going_on('rollback')}"
        if self.tuning:
            with self.stages.stage("rollback", "values and files of before the first deploy"):
                self._play("rollback", again=goes_on)
        else:
            self._release_before(goes_on)
        self.say(f"Back. Forward again: {self.target.command('deploy')}")
        return Exit.FINE

    def drain(self) -> Exit:
        """Empty one host."""
        return self._drain("drained", f"Empty. Back: {self.target.command('undrain', f'HOST={self.host}')}")

    def undrain(self) -> Exit:
        """Let one host serve again."""
        return self._drain("serving", f"{self.host} serves again.")

    def restart(self) -> Exit:
        """Restart every instance by the roll; what an interrupted restart has done is left alone."""
        self._need_hosts()
        again = self.target.command("restart")
        self._confirm(again)
        moment = self._moment("restart")
        with self.stages.stage("restart", "one host at a time"):
            self._play("restart", {"gateway_restart_since": str(moment)}, again=again)
        self._began("restart").unlink()
        following = f"every instance was restarted; {self.target.command('verify')} says how the hosts are"
        self._instances(following)
        self._smoke(following)
        self.say("Every instance was restarted, with the version and settings that it had.")
        return Exit.FINE

    def going_on(self, command: str) -> str:
        """Say how a command goes on that was cut off."""
        more = [f"HOST={self.host}"] if self.host else ["TUNING=1"] if self.tuning else []
        return f"{self.target.command(command, *more)} goes on where it stopped"

    # Private methods

    def _release_before(self, goes_on: str) -> None:
        """Lead all gateways to the release that served on all of them before the latest deploy."""
        # Under one name until it is through: run again, it leads nobody one further back.
        name = time.strftime("%Y%m%dT%H%M%S", time.gmtime(self._moment("rollback")))
        with self.stages.stage("rollback", "what served on all hosts before the latest deploy, one host at a time"):
            play = self._play("rollback_gateways", {"gateway_deploy_id": name}, again=goes_on)
        self._began("rollback").unlink()
        # A deploy would bring back what was just given up, and a second rollback lead one further back.
        following = f"the version before serves; {self.target.command('verify')} says how the hosts are"
        self._smoke(following)
        self._instances(following)
        if left := [event for event in play.events if event.task == STAYS and event.state == "ok"]:
            hosts = ", ".join(event.host for event in left)
            raise DeployError(
                f"not all hosts have gone back: {hosts}", evidence=[f"{event.host}: {event.msg}" for event in left],
                following=f"{self.target.command('drain', f'HOST={left[0].host}')} takes its clients away, "
                f"{self.target.command('deploy')} brings all hosts to what the inventory names",
            )  # fmt: skip

    def _began(self, command: str) -> Path:
        """Return where it is noted when a command began that may be cut off."""
        return self.target.folder / f"{command}.json"

    def _moment(self, command: str) -> int:
        """Return when a command began: now, or when one that was cut off did. It is noted until it is through."""
        place, now = self._began(command), time.time()
        since = _since(place, now)
        if since:
            began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))
            self.say(f"Going on with the {command} that began at {began}.")
        moment = since or int(now)
        place.write_text(json.dumps({"since": moment}))
        return moment

    def _make_hosts(self) -> None:
        if fault := doctor.can_make_hosts():
            raise DeployError(fault.said, Exit.UNKNOWN, following=fault.remedy)
        local.hosts_up(self.target)
        local.prepare(self.target)

    def _need_hosts(self) -> None:
        if self.target.makes_hosts and not self.target.inventories[-1].is_file():
            raise DeployError(
                f"there are no test hosts `{self.target.set_name}` yet",
                Exit.UNKNOWN,
                following=self.target.command("deploy"),
            )
        inventory.read(self.target)

    def _doctor_or_stop(self) -> None:
        findings = doctor.examine(self.runner)
        code = checks.code_of(findings)
        for finding in findings:
            if finding.code:
                self.say(finding.line())
        if code:
            raise DeployError(
                f"not ready, nothing was changed: {checks.faults(findings)}",
                code,
                following=self.target.command("doctor"),
            )
        self.say(f"  {len(findings)} checks are well")

    def _confirm(self, again: str) -> None:
        confirm.confirm(self.target, again, self.confirmed, self.is_terminal)

    def _plan(self, again: str = "") -> bool:
        with ThreadPoolExecutor() as pool:
            look = partial(self._play, options=("--check", "--diff"), quiet=True, again=again)
            try:
                plays = list(pool.map(look, ("site", "deploy")))
            except KeyboardInterrupt:
                # It comes to this thread alone, and the pool would wait for the others.
                self.runner.stop()
                raise
        events = [event for play in plays for event in play.events]
        for line in changes.summary(events):
            self.say(f"  {line}")
        path = self.target.folder / f"{time.strftime('%Y%m%d-%H%M%S')}-plan.diff"
        path.touch(0o600)
        path.write_text(changes.whole_diff(events))
        self.say(f"  the whole diff: {path}")
        return any(event.is_change for event in events)

    def _after(self) -> None:
        self._instances()
        with self.stages.stage("verify", "hosts against the profile"):
            if code := verify.run(self.target, self.say):
                raise DeployError(
                    "the hosts are not as the profile expects",
                    code,
                    following=f"see the fixes above, then {self.target.command('verify')}",
                )
        self._smoke()

    def _smoke(self, again: str = "") -> None:
        with self.stages.stage("smoke", "a message through the front door"):
            self._play("smoke", again=again)

    def _instances(self, again: str = "") -> None:
        found = inventory.read(self.target)
        play = self._play("slots", quiet=True, again=again)
        path = instances.write(self.target, found, play.events)
        self.say(f"  recovery scripts: --instances {path}")

    def _drain(self, state: str, end: str) -> Exit:
        self._need_hosts()
        hosts = inventory.read(self.target).groups["gateways"]
        name = "drain" if state == "drained" else "undrain"
        if self.host not in hosts:
            raise DeployError(
                f"HOST: expected one of {', '.join(hosts)}, got {self.host!r}", Exit.USAGE,
                following=self.target.command(name, f"HOST={hosts[0]}"),
            )  # fmt: skip
        again = self.target.command(name, f"HOST={self.host}")
        self._confirm(again)
        with self.stages.stage(name, self.host):
            self._play(
                "drain", {"gateway_drain_state": state}, options=("--limit", self.host), again=again
            )  # fmt: skip
        self.say(end)
        return Exit.FINE

    def _play(
        self,
        name: str,
        variables: Mapping[str, str] | None = None,
        *,
        options: tuple[str, ...] = (),
        quiet: bool = False,
        again: str = "",
    ) -> Play:
        play = self.runner.play(name, *options, variables=variables, quiet=quiet)
        if not play.is_fine:
            if not any(event.is_change for event in play.events) and evidence.has_nothing_before(play):
                again = f"{self.target.command('deploy')} brings another version; nothing was changed"
            following = again or f"correct that, then {self.target.command('deploy')} goes on where it stopped"
            raise evidence.failure(self.target, play, following)
        return play


def _since(place: Path, now: float) -> int:
    """Return when a command that was cut off began, 0 where none did, or one that nobody waits for any more."""
    try:
        since = int(json.loads(place.read_text())["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    return since if now - since < GOES_ON_SECONDS else 0
