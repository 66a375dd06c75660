"""Test hosts on this machine: Debian with systemd and sshd, for `make deploy ENV=local` and for the tests.

Exits 0 when done, 1 where `status` finds a host that does not run, 3 on bad usage, 4 where it cannot be done.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hosts import access, guest, machine, registry, sets, vm
from hosts.model import DEFAULT_PREFIX, USUAL_HOSTS, USUAL_VM, HostSet, check_prefix, check_set_name
from hosts.shell import HostsError

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "hosts"
FINE, FOUND, USAGE, UNKNOWN = 0, 1, 3, 4


def main(arguments: Sequence[str]) -> int:
    """Do what is asked for, and say in one sentence why not."""
    options = _parser().parse_args(arguments)
    os.umask(0o022)
    try:
        return COMMANDS[options.command](options)
    except HostsError as error:
        print(error, file=sys.stderr)
        return UNKNOWN
    except KeyboardInterrupt:
        print("Stopped; `test_hosts.py down` removes what there is.", file=sys.stderr)
        return UNKNOWN


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def _up(options: argparse.Namespace) -> int:
    check_prefix(options.prefix)
    machine.check()
    names = [*(options.names or USUAL_HOSTS), *([USUAL_VM] if options.vm else [])]
    with registry.claimed(options.set, CACHE, options.prefix) as hosts:
        sets.up(hosts, list(dict.fromkeys(names)), say)
        say(f"ssh -F {access.config_of(hosts.folder)} {names[0]}")
    return FINE


def _down(options: argparse.Namespace) -> int:
    check_set_name(options.set)
    ours = [hosts.name for hosts in registry.all_sets() if hosts.folder.parent == CACHE]
    names = ours if options.all else [options.set] if registry.find(options.set) else []
    if not names:
        say("There is no set to take down.")
        return FINE
    machine.check()
    for name in names:
        with registry.claimed(name, CACHE) as hosts:
            sets.down(hosts, say)
    return FINE


def _status(options: argparse.Namespace) -> int:
    hosts = _known(options)
    found = sets.status(hosts)
    for host, state in found:
        say(f"{host.name:8} {host.address:14} {state}")
    return FINE if all(state == "running" for _, state in found) else FOUND


def _reboot(options: argparse.Namespace) -> int:
    with registry.claimed(_known(options).name, CACHE) as hosts:
        say(f"{options.name} is back after {sets.reboot(hosts, options.name):.1f} s.")
    return FINE


def _cut(options: argparse.Namespace) -> int:
    with registry.claimed(_known(options).name, CACHE) as hosts:
        sets.cut(hosts, options.name)
    say(f"{options.name} has no power; `boot` lets it run again, as it was.")
    return FINE


def _boot(options: argparse.Namespace) -> int:
    with registry.claimed(_known(options).name, CACHE) as hosts:
        say(f"{options.name} is back after {sets.boot(hosts, options.name, say):.1f} s.")
    return FINE


def _ssh(options: argparse.Namespace) -> int:
    hosts = _known(options)
    hosts.host(options.name)
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    return subprocess.call(access.command(hosts, options.name, *words))


def _run_host(options: argparse.Namespace) -> int:
    host = _known(options).host(options.name)
    return (vm if host.is_vm else guest).run_until_end(options.base, host)


def _known(options: argparse.Namespace) -> HostSet:
    check_set_name(options.set)
    hosts = registry.find(options.set)
    if hosts is None:
        raise HostsError(f"There is no set `{options.set}`: `test_hosts.py up --set {options.set}` makes it.")
    return hosts


COMMANDS = {
    "up": _up, "down": _down, "status": _status, "reboot": _reboot, "cut": _cut, "boot": _boot, "ssh": _ssh,
    "run-host": _run_host,
}  # fmt: skip


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override] # the base class says NoReturn, and so it is
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--set", default="local", help="the hosts of one purpose, on a bridge of their own")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    up = commands.add_parser("up", parents=[shared], help="let hosts run, and wait until they are ready")
    up.add_argument("names", nargs="*", metavar="NAME", help=f"which hosts; without: {' '.join(USUAL_HOSTS)}")
    up.add_argument("--vm", action="store_true", help=f"{USUAL_VM} too: a virtual machine with a kernel of its own")
    up.add_argument("--prefix", default=DEFAULT_PREFIX, help="first two numbers of a new set's addresses (%(default)s)")
    down = commands.add_parser("down", parents=[shared], help="remove everything of a set")
    down.add_argument("--all", action="store_true", help="of all sets that this checkout made")
    commands.add_parser("status", parents=[shared], help="list the hosts and whether they run")
    for name, about in (
        ("reboot", "reboot a host, and wait until it is ready"),
        ("cut", "take the power from a host"),
        ("boot", "let a host run again that was cut off, and wait until it is ready"),
    ):
        commands.add_parser(name, parents=[shared], help=about).add_argument("name")
    ssh = commands.add_parser("ssh", parents=[shared], help="log in, or run a command")
    ssh.add_argument("name")
    ssh.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    run = commands.add_parser("run-host", parents=[shared])
    run.add_argument("base", type=Path)
    run.add_argument("name")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
