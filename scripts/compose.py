"""Gateways, Redis and HAProxy as containers of this machine: `make up` and `make down`.

`up` again, with another image, profile or settings, restarts the gateways one after the other, so that no client
notices more than a reconnect. Exits 0 when done, 2 where something did not start, 3 where a setting cannot be used,
4 where nothing here runs containers.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import image
from containers import builders, engine, files
from containers.engine import Engine
from containers.files import FOLDER
from containers.problem import ContainerError

from holdfast.cli.demo_user import FRIEND, USER
from holdfast.cli.failure import Exit
from holdfast.cli.first_run import CHANNEL, demo_token, own_path
from holdfast.errors import ConfigError
from holdfast.profile import ProfileError, load

HEALTH = ("/opt/holdfast/bin/holdfast", "health")
READY_SECONDS, ASK_SECONDS = 120.0, 0.5
# How often it may be found ended before that counts as an answer.
MOST_ENDS = 4
DEFAULT_PORT, DEFAULT_API_PORT = "8000", "9000"


class NotStartedError(Exception):
    """Something did not come up."""


def main(arguments: Sequence[str]) -> int:
    """Do what is asked for, and say in one sentence why not."""
    options = _options(arguments)
    try:
        return {"up": up, "down": down}[options.command](options)
    except NotStartedError as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return Exit.REFUSED
    except (ProfileError, ConfigError) as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return Exit.USAGE
    except ContainerError as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return Exit.UNKNOWN


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("up", "down"))
    parser.add_argument("--image", default="", help=f"the gateway's image; {image.DEFAULT_TAG}, which is built first")
    parser.add_argument("--profile", default="local", help="local, staging, production, or a file of your own")
    parser.add_argument("--no-demo", action="store_true", help="leave out the demo page, which can break things")
    parser.add_argument("--override", type=Path, action="append", default=[], help="another file for Compose")
    return parser.parse_args(arguments)


def up(options: argparse.Namespace) -> int:
    """Start everything, or bring what runs to what is wanted now."""
    os.umask(0o022)
    profile = load(options.profile)
    found = engine.find()
    tag = options.image or image.DEFAULT_TAG
    if not found.has_image(tag):
        if options.image:
            raise NotStartedError(f"there is no image {tag} here; `make image IMAGE={tag}` builds it")
        image.build(builders.find(Path(found.program).name), tag)
    owner, user = _owner(found)
    written = files.write_all(profile, owner)
    files.loaded()  # faults of own.yaml are told before anything is restarted
    demo = () if options.no_demo else (files.write_demo(written.gateways, owner),)
    environment = {"HOLDFAST_IMAGE": tag, "HOLDFAST_USER": user, "SETTINGS_DIGEST": written.digest}
    running = replace(
        found, files=(FOLDER / "compose.yaml", *demo, *options.override), environment=environment
    )  # fmt: skip
    _start(running, written, profile.intents.drain_window + profile.intents.propagation_wait)
    print(_lines(written.gateways))
    return Exit.FINE


def down(options: argparse.Namespace) -> int:
    """Stop everything; secrets, settings and what Redis holds stay for the next start."""
    if not (FOLDER / "compose.yaml").exists():
        print("Nothing was started from this folder.")
        return Exit.FINE
    demo = FOLDER / "demo.yaml"
    chosen = (FOLDER / "compose.yaml", *([demo] if demo.exists() else []), *options.override)
    print("Stopping: gateways let their clients go, then Redis and HAProxy end ...", flush=True)
    replace(engine.find(), files=chosen).must("down", "--remove-orphans")
    print(f"Down. Secrets, settings and data stay in {FOLDER}; `make up` goes on with them.")
    return Exit.FINE


def _owner(found: Engine) -> tuple[tuple[int, int] | None, str]:
    """Return to whom files are given, and as whom containers run, so that those read these and nobody else does."""
    if found.is_rootless():
        return None, "0:0"  # which is the user himself, outside
    if os.geteuid() == 0:
        return (files.IMAGE_USER, files.IMAGE_USER), f"{files.IMAGE_USER}:{files.IMAGE_USER}"
    return None, f"{os.geteuid()}:{os.getegid()}"


def _start(running: Engine, written: files.Written, drain_seconds: float) -> None:
    before = running.running()
    if "haproxy" not in before:
        _check_ports()
    running.must("up", "--detach", "--no-recreate", "redis")
    there = [name for name in written.gateways if name in before]
    # Those that do not run yet come first: they take the clients of those that are restarted then.
    for name in [*(one for one in written.gateways if one not in there), *there]:
        if name in there:
            print(f"{name}: brought up to date; its clients leave over up to {drain_seconds:.0f} s ...", flush=True)
        running.must("up", "--detach", "--no-deps", name)
        _wait_ready(running, name)
    running.must("up", "--detach", "--no-deps", "--no-recreate", "haproxy")
    if written.is_balancer_new and "haproxy" in before:
        # The old process keeps its clients, the new one takes the next.
        running.must("kill", "--signal", "USR2", "haproxy")
    running.must("up", "--detach", "--no-recreate", "--remove-orphans")


def _wait_ready(running: Engine, name: str) -> None:
    started, ended = time.monotonic(), 0
    while (asked := running.run("exec", "-T", name, *HEALTH, quiet=True)).returncode:
        seconds = time.monotonic() - started
        # Docker starts again what ended; settings that cannot be used end it each time.
        ended += "restarting" in asked.stderr or "not running" in asked.stderr
        if seconds > READY_SECONDS or ended > MOST_ENDS:
            last = running.run("logs", "--tail", "8", "--no-log-prefix", name, quiet=True)
            raise NotStartedError(
                f"{name} is not ready after {seconds:.0f} s; the others were left as they are. It says:\n"
                f"{(asked.stdout + asked.stderr).strip()}\n{(last.stdout + last.stderr).strip()}"
            )
        time.sleep(ASK_SECONDS)


def _check_ports() -> None:
    for name, usual in (("GATEWAY_PORT", DEFAULT_PORT), ("API_PORT", DEFAULT_API_PORT)):
        port = os.environ.get(name) or usual
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", int(port)))
            except (OSError, ValueError, OverflowError) as error:
                raise NotStartedError(
                    f"port {port} of this machine: {error}; choose another: make up {name}=..."
                ) from None


def _lines(names: list[str]) -> str:
    """Return where everything is and what to try."""
    url = f"http://127.0.0.1:{os.environ.get('GATEWAY_PORT') or DEFAULT_PORT}"
    api = f"http://127.0.0.1:{os.environ.get('API_PORT') or DEFAULT_API_PORT}"
    settings, command = files.loaded(), shlex.quote(own_path())
    key = shlex.quote(f"X-API-Key: {settings.api.keys[0].get_secret_value()}")
    body = shlex.quote(json.dumps({"channel": CHANNEL, "data": {"text": "hello"}}))
    password = files.demo_password(names)
    demo = f"Demo:  {url}/demo  Log in as {USER} or {FRIEND} with the password {password}\n" if password else ""
    return f"""
{len(names)} gateways, Redis and HAProxy run.
{demo}Clients: {url}   Server API: {api}

Follow the channel "{CHANNEL}":
  {command} subscribe {CHANNEL} --url {url} --token {demo_token(settings)}

Publish into it, in another terminal:
  curl -sS -H {key} --data {body} {api}/api/publish

Change settings: edit {FOLDER / "own.yaml"}, then, as with another image (IMAGE=) or profile (PROFILE=):
  make up

End it:
  make down
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
