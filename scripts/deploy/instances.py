"""Write the file for --instances of the recovery scripts: where instances answer, how SSH gets to their hosts."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .events import Event, values
from .inventory import Inventory
from .local import write_private
from .target import Target

FILE, SSH_FILE, TOKEN_FILE = "instances.yaml", "ssh_config", "admin_token"


def write(target: Target, found: Inventory, events: Iterable[Event]) -> Path:
    """Write the instances file beside an ssh_config, and return its path; JSON is YAML too."""
    slots = {event.host: values(event.stdout) for event in events if event.task == "List the slots" and event.stdout}
    target.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (target.folder / SSH_FILE).write_text(ssh_config(found, found.hosts))
    content: dict[str, Any] = {
        "instances": list(records(found, slots)),
        "ssh_config": SSH_FILE,
        "audit_log": "recovery.log",
    }
    token = _admin_token(target)
    if token:
        place = target.folder / TOKEN_FILE
        place.touch(0o600)
        place.write_text(token)
        content["admin_token_file"] = TOKEN_FILE
    path = target.folder / FILE
    write_private(path, content)
    return path


def records(found: Inventory, slots: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    """Return one record for each enabled slot."""
    made = []
    for host, said in slots.items():
        name = found.variables.get(host, {}).get("gateway_name") or host.partition(".")[0]
        for key, address in said.items():
            if match := re.fullmatch(r"slot (\w+)", key):
                made.append({
                    "name": f"{name}-{match[1]}", "url": f"http://{address}", "ssh": host,
                    "unit": f"holdfast@{match[1]}.service",
                })  # fmt: skip
    return made


def ssh_config(found: Inventory, hosts: Iterable[str]) -> str:
    """Return how each host is reached, from what the inventory tells Ansible."""
    blocks = []
    for host in hosts:
        own = found.variables.get(host, {})
        lines = [f"Host {host}", f"  HostName {found.address(host)}"]
        for option, name in (
            ("User", "ansible_user"),
            ("Port", "ansible_port"),
            ("IdentityFile", "ansible_ssh_private_key_file"),
        ):
            if own.get(name):
                lines.append(f"  {option} {_quoted(str(own[name]))}")
        blocks.append("\n".join([*lines, *_from_arguments(str(own.get("ansible_ssh_common_args") or ""))]))
    # The first value of an option wins.
    return "\n\n".join([*blocks, "Host *\n  BatchMode yes"]) + "\n"


def _from_arguments(arguments: str) -> list[str]:
    """Return the lines that stand for ssh's own options -F and -o."""
    lines, words = [], shlex.split(arguments)
    for word, following in zip(words, [*words, ""][1:], strict=True):
        if word == "-F":
            lines.append(f"  Include {_quoted(following)}")
        elif word == "-o":
            name, _, value = following.partition("=")
            lines.append(f"  {name} {value}")
    return lines


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text else text


def _admin_token(target: Target) -> str:
    """Return the token of hosts that are made here; others' stay where the inventory has them."""
    try:
        return (
            str(json.loads((target.folder / "secrets.json").read_text())["admin_token"]) if target.makes_hosts else ""
        )
    except (OSError, ValueError, KeyError):
        return ""
