"""The commands of the Makefile on a cluster, each made of stages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from deploy import checks
from deploy.confirm import confirm
from deploy.problems import DeployError, Exit
from deploy.stages import Stages
from holdfast.cli.ops import kube

from . import demo, doctor, front_door, instances, manifests, releases, state, verify
from . import plan as plans
from .budget import Budget, budget
from .cause import Cause
from .history import Release
from .manifests import find
from .plan import Plan
from .programs import Cluster, Done
from .roll import PATIENCE_SECONDS, Roller, failure
from .target import KubernetesTarget

Say = Callable[[str], None]
TEST_SECONDS = 180


@dataclass
class KubernetesCommand:
    """One command on one release."""

    target: KubernetesTarget
    say: Say
    confirmed: str = ""
    is_terminal: bool = False
    url: str = ""
    shows_all: bool = False
    patience: float = PATIENCE_SECONDS
    stages: Stages = field(init=False)

    def __post_init__(self) -> None:
        self.stages = Stages(self.say)
        self.cluster = Cluster(self.target)
        self.release = Release(self.cluster)

    # One method for each target of the Makefile; each returns the exit code or raises DeployError.

    def doctor(self) -> Exit:
        """Say what is wrong before anything is applied."""
        findings, _ = doctor.examine(self.cluster)
        return checks.tell(findings, self.say)

    def plan(self) -> Exit:
        """Show all that would change."""
        with self.stages.stage("plan", f"what would change; {doctor.where(self.target)}"):
            self._plan(plans.make(self.cluster))
        return Exit.FINE

    def deploy(self) -> Exit:
        """Bring the release to what the chart and the values say."""
        with self.stages.stage("doctor", "whether it can be done"):
            made = self._doctor_or_stop()
        with self.stages.stage("plan", f"what would change; {doctor.where(self.target)}"):
            is_change = self._plan(made)
        history = self.release.history()
        if releases.is_stuck(history):
            raise DeployError(
                "Helm was cut off half-way, or another deploy is under way", Exit.FOUND,
                evidence=releases.shown(history)[-2:],
                following=f"wait until it is done, else {self.target.command('rollback')}",
            )  # fmt: skip
        if is_change or releases.latest(history).get("status") != "deployed":
            confirm(self.target, self.target.command("deploy"), self.confirmed, self.is_terminal)
            with self.stages.stage("roll", "new pods first, then one old pod after the other"):
                self._roll(made)
        self._after(made)
        self.stages.closing = demo.lines(self.cluster, made.after)
        self.say(f"Deployed to {self.target.environment}. Back: {self.target.command('rollback')}")
        return Exit.FINE

    def verify(self) -> Exit:
        """Hold every gateway pod against the profile."""
        return verify.run(self.cluster, self.say)

    def rollback(self) -> Exit:
        """Bring back the last revision that served before the present one."""
        history = self.release.history()
        if not history:
            raise DeployError("there is no such release", Exit.USAGE, following=self.target.command("deploy"))
        for line in releases.shown(history):
            self.say(f"  {line}")
        revision = releases.before(history)
        if not revision:
            raise DeployError(
                "no revision served before this one", Exit.FOUND, evidence=releases.shown(history)[-1:],
                following=f"helm uninstall {self.target.release} -n {self.target.namespace} takes it away",
            )  # fmt: skip
        confirm(self.target, self.target.command("rollback"), self.confirmed, self.is_terminal)
        allowed = self._budget(plans.current(self.cluster))
        with self.stages.stage("rollback", f"to revision {revision}; {allowed.line()}"):
            done, causes = self._rolled(self.release.back_to(revision, allowed.timeout))
            if done.code:
                raise failure(self.cluster, done, causes, self._how_it_is(), self.target.command("rollback"))
        self._smoke(plans.current(self.cluster))
        instances.write(self.cluster, plans.current(self.cluster))
        self.say(f"Back at revision {revision}. Forward again: {self.target.command('deploy')}")
        return Exit.FINE

    def restart(self) -> Exit:
        """Restart every pod, as a deploy does: the new one first, then one old one after the other."""
        made = plans.current(self.cluster)
        deployment = find(made, "Deployment")
        if not deployment:
            raise DeployError("there is no such release", Exit.USAGE, following=self.target.command("deploy"))
        confirm(self.target, self.target.command("restart"), self.confirmed, self.is_terminal)
        name, allowed = deployment["metadata"]["name"], self._budget(made)
        with self.stages.stage("restart", allowed.line()):
            begun = self.cluster.kubectl("rollout", "restart", f"deployment/{name}")
            if begun.code:
                raise self.cluster.fault("the restart could not be begun", begun)
            words = ["rollout", "status", f"deployment/{name}", f"--timeout={allowed.timeout}s"]
            done, causes = Roller(self.cluster, self.say, self.patience).run(words, name="kubectl")
            if done.code:
                undo = self.target.kubectl(f"rollout undo deployment/{name}")
                raise failure(self.cluster, done, causes, self._how_it_is(), f"{undo}, which takes the new pods away")
        self._smoke(made)
        return Exit.FINE

    def going_on(self, command: str) -> str:
        """Say how a command goes on that was cut off."""
        return f"{self.target.command('plan')} says how it is; {self.target.command(command)} goes on"

    # Private methods

    def _doctor_or_stop(self) -> Plan:
        findings, made = doctor.examine(self.cluster)
        for finding in findings:
            if finding.code or finding.remedy:
                self.say(finding.line())
        code = checks.code_of(findings)
        if code or made is None:
            raise DeployError(
                f"not ready, nothing was changed: {checks.faults(findings)}",
                code,
                following=self.target.command("doctor"),
            )
        self.say(f"  {len(findings)} checks are well")
        return made

    def _plan(self, made: Plan) -> bool:
        lines = manifests.summary(made.before, made.after)
        for line in lines:
            self.say(f"  {line}")
        self.target.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.target.folder / f"{time.strftime('%Y%m%d-%H%M%S')}-plan.diff"
        path.touch(0o600)
        path.write_text(manifests.whole_diff(made.before, made.after))
        self.say(f"  the whole diff: {path}")
        self.say(f"  a rollout: {self._budget(made.after).line()}")
        return made.before != made.after

    def _budget(self, made: dict[manifests.Key, manifests.Object]) -> Budget:
        running = sum(not kube.is_ending(pod) for pod in state.look(self.cluster).gateways)
        return budget(find(made, "Deployment"), find(made, "HorizontalPodAutoscaler"), running)

    def _roll(self, made: Plan) -> None:
        allowed = self._budget(made.after)
        done, causes = self._rolled(self.release.upgrade(allowed.timeout))
        if done.code:
            cleared = self.release.clear(self.release.history(), allowed.timeout)
            self.say(f"    {cleared or 'Helm has brought back what served before'}")
            raise failure(self.cluster, done, causes, self._how_it_is(), self.target.command("deploy"))

    def _rolled(self, words: list[str]) -> tuple[Done, list[Cause]]:
        return Roller(self.cluster, self.say, self.patience).run(words, self.shows_all)

    def _how_it_is(self) -> str:
        # Refused pods run no more, and hide those that do.
        mine = f"--selector={state.INSTANCE}={self.target.release}"
        self.cluster.kubectl("delete", "pods", mine, "--field-selector=status.phase=Failed", "--wait=false")
        try:
            ready = sum(kube.is_ready(pod) for pod in state.look(self.cluster).gateways if not kube.is_ending(pod))
        except DeployError as error:
            return f"how it is now cannot be seen: {error.cause}"
        return f"now: {ready} gateway pods are ready and serve"

    def _after(self, made: Plan) -> None:
        path = instances.write(self.cluster, made.after)
        self.say(f"  recovery scripts: --instances {path}")
        self._smoke(made.after)
        with self.stages.stage("verify", "pods against the profile"):
            if code := verify.run(self.cluster, self.say):
                raise DeployError(
                    "the pods are not as the profile expects", code,
                    following=f"see the fixes above, then {self.target.command('verify')}",
                )  # fmt: skip

    def _smoke(self, made: dict[manifests.Key, manifests.Object]) -> None:
        with self.stages.stage("smoke", "a message through the front door"):
            stages = front_door.smoke(self.cluster, made, self.url)
            self.say(f"  {', '.join(stages)}")
