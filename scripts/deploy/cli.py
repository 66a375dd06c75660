"""The command line of `scripts/deploy.py`: what was asked for, how it ended, and the line in the audit log."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from . import audit
from .commands import Command
from .kubernetes.commands import KubernetesCommand
from .kubernetes.target import KubernetesTarget
from .kubernetes.target import target_of as kubernetes_target_of
from .playbooks import Runner
from .problems import DeployError, Exit
from .target import USUAL_SET, target_of

ABOUT = {
    "doctor": "tools, inventory, SSH, sudo, secrets, profile, disks, clocks; each fault with its remedy",
    "plan": "show all that would change, and change nothing",
    "deploy": "check, plan, confirm, tune, roll, verify, try",
    "verify": "hold every host against the profile",
    "rollback": "bring back the version before (TUNING=1: what the tuning changed)",
    "drain": "empty one host",
    "undrain": "let it serve again",
    "restart": "restart every instance, one host at a time",
}
CLUSTER_OPTIONS = {
    "context": "the context of the kubeconfig",
    "kubeconfig": "the file that says where the cluster is; else the variable KUBECONFIG",
    "namespace": "holdfast, if left out",
    "release": "holdfast, if left out",
    "image": "repository:tag or repository@sha256:...",
    "values": "files of values, apart by commas; the last one wins",
    "folder": "where relative paths begin",
    "chart": "another chart than that of this checkout",
    "demo": "no leaves out the demo page that ENV=local brings",
    "url": "the front door as clients have it; else a port-forward",
}
IN_CLUSTERS = ("doctor", "plan", "deploy", "verify", "rollback", "restart")


def main(arguments: Sequence[str]) -> int:
    """Do what is asked for, and say in the end how it went."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    try:
        return int(_run(_command(options), options))
    except DeployError as error:
        print(error.text(), file=sys.stderr, flush=True)
        return int(error.code)
    except PermissionError as error:
        print(
            f"Failed: {error}\nNext: the same as the user who ran it first, with sudo where that was root",
            file=sys.stderr,
        )
    except (OSError, subprocess.SubprocessError) as error:
        print(f"Failed: {error}", file=sys.stderr)
    # Never 1, which says that something was found.
    return int(Exit.UNKNOWN)


def heed_signals() -> None:
    """Take SIGTERM, and the end of the terminal, as Ctrl-C: or Ansible would go on alone, and without the lock."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def _command(options: argparse.Namespace) -> Command | KubernetesCommand:
    """Return the command on what is meant: hosts, or a cluster.

    Raises:
        DeployError: there is no such target, or it has no such command.
    """
    is_terminal = sys.stdin.isatty()
    if options.target == "hosts":
        target = target_of(options.environment, options.inventory, options.set)
        return Command(
            target, Runner(target, say, shows_all=options.verbose), say, confirmed=options.confirm,
            is_terminal=is_terminal, host=options.host, tuning=options.tuning,
        )  # fmt: skip
    place: KubernetesTarget = kubernetes_target_of(vars(options), os.environ)
    if options.command not in IN_CLUSTERS or options.tuning:
        raise DeployError(
            f"a cluster has no {'TUNING=1' if options.tuning else options.command}: its nodes are not ours to change",
            Exit.USAGE, following="kubectl drain NODE empties a node; runbooks/node-drain.md",
        )  # fmt: skip
    return KubernetesCommand(
        place, say, confirmed=options.confirm, is_terminal=is_terminal, url=options.url, shows_all=options.verbose
    )


def _run(command: Command | KubernetesCommand, options: argparse.Namespace) -> Exit:
    """Run the command, alone on its target, with its times and a line in the audit log."""
    target = command.target
    began, result = time.monotonic(), "stopped"
    try:
        with audit.only_one(target):
            code: Exit = getattr(command, options.command)()
            result = code.name.lower()
            return code
    except DeployError as error:
        result = f"{error.code.name.lower()}: {error.cause}"
        raise
    except KeyboardInterrupt:
        result = "stopped by you"
        raise DeployError(result, Exit.UNKNOWN, following=command.going_on(options.command)) from None
    finally:
        audit.note(target, _shown(options), result, time.monotonic() - began)
        if command.stages.done:
            say("\n".join(command.stages.table()))


def _shown(options: argparse.Namespace) -> str:
    more = [options.host] if options.host else []
    return " ".join([options.command, *more, *(["tuning"] if options.tuning else [])])


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(Exit.USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="deploy.py", description=__doc__)
    parser.add_argument(
        "command", choices=ABOUT, metavar="COMMAND", help="; ".join(f"{name}: {text}" for name, text in ABOUT.items())
    )
    parser.add_argument("--environment", default="local", help="local, staging or production")
    parser.add_argument("--inventory", default="", help="an inventory of your own instead of the shipped one")
    parser.add_argument("--set", default=USUAL_SET, help="which test hosts, where they are made here")
    parser.add_argument("--confirm", default="", help="the environment's name, to change it")
    parser.add_argument("--host", default="", help="which host to drain")
    parser.add_argument("--tuning", action="store_true", help="roll back the tuning instead of the version")
    parser.add_argument("--target", default="hosts", choices=("hosts", "kubernetes"), help="what is deployed to")
    for name, about in CLUSTER_OPTIONS.items():
        parser.add_argument(f"--{name}", default="", help=f"kubernetes: {about}")
    parser.add_argument("--verbose", action="store_true", help="show the output of Ansible or Helm")
    return parser
