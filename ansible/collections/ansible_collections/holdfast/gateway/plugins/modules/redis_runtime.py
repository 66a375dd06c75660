#!/usr/bin/python
"""Give a running Redis the settings that its file has, so that a change of them needs no restart."""

from __future__ import annotations

import socket

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: redis_runtime
author: Holdfast contributors
version_added: 0.1.0
short_description: Give a running Redis the settings of its file
description:
  - Compares with C(CONFIG GET) and writes with C(CONFIG SET) what differs.
options:
  address:
    description: Address of Redis.
    type: str
    required: true
  port:
    description: Its port.
    type: int
    default: 6379
  password:
    description: Password of the default user.
    type: str
    required: true
  settings:
    description: Settings by name.
    type: dict
    required: true
  timeout:
    description: Seconds that an answer may take, reading its data after a start included.
    type: float
    default: 60
"""

EXAMPLES = r"""
- name: Let it keep everything
  holdfast.gateway.redis_runtime:
    address: 10.0.0.31
    password: "{{ redis_admin_password }}"
    settings: {maxmemory-policy: noeviction}
"""

RETURN = r"""
later:
  description: Settings that only a restart can change.
  returned: success
  type: list
"""

CONSTANT = ("tcp-backlog",)


class RedisError(Exception):
    """Redis refuses, or nobody answers."""


class Link:
    """A connection; commands go out as arrays, answers come back as plain values."""

    def __init__(self, address: str, port: int, timeout: float) -> None:
        try:
            self._socket = socket.create_connection((address, port), timeout)
        except OSError as error:
            raise RedisError(f"expected Redis on {address}:{port}: {error}") from error
        self._file = self._socket.makefile("rb")

    def ask(self, *words: str) -> object:
        """Return the answer to a command.

        Raises:
            RedisError: it is an error; the text is Redis' own, which names no password.
        """
        parts = [word.encode() for word in words]
        data = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        try:
            self._socket.sendall(data)
            return self._answer()
        except OSError as error:
            raise RedisError(f"no answer to {words[0]}: {error}") from error

    def _answer(self) -> object:
        line = self._file.readline()
        if not line:
            raise RedisError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode(errors="replace"))
        if kind == b"$":
            return self._file.read(int(rest) + 2)[:-2].decode(errors="replace") if int(rest) >= 0 else None
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest.decode(errors="replace")


def differing(link: Link, wanted: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return what Redis has and what it is to have, where the two differ.

    Raises:
        RedisError: it does not know a setting.
    """
    found = {}
    for name, value in wanted.items():
        answer = link.ask("CONFIG", "GET", name)
        if not isinstance(answer, list) or len(answer) < 2:
            raise RedisError(f"Redis knows no setting {name}")
        if normal(str(answer[1])) != normal(value):
            found[name] = (str(answer[1]), value)
    return found


def normal(value: str) -> str:
    """Return a value in the form that Redis answers with: classes of buffers in its own words."""
    return value.strip().lower().replace("replica ", "slave ")


def work(module: AnsibleModule) -> dict:
    """Compare, set what differs, and return what the module answers.

    Raises:
        RedisError: Redis refuses.
    """
    given = module.params
    link = Link(given["address"], given["port"], given["timeout"])
    link.ask("AUTH", given["password"])
    found = differing(link, {name: str(value) for name, value in given["settings"].items()})
    later = sorted(name for name in found if name in CONSTANT)
    now = {name: pair for name, pair in found.items() if name not in CONSTANT}
    if not module.check_mode:
        for name, (_, value) in now.items():
            link.ask("CONFIG", "SET", name, value)
    diff = {
        "before": "".join(f"{name} {was}\n" for name, (was, _) in now.items()),
        "after": "".join(f"{name} {value}\n" for name, (_, value) in now.items()),
    }
    return {"changed": bool(now), "later": later, "diff": diff}


def main() -> None:
    """Run as a module."""
    given = {
        "address": {"type": "str", "required": True},
        "port": {"type": "int", "default": 6379},
        "password": {"type": "str", "required": True, "no_log": True},
        "settings": {"type": "dict", "required": True},
        "timeout": {"type": "float", "default": 60},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    try:
        module.exit_json(**work(module))
    except RedisError as error:
        module.fail_json(msg=f"Redis: {error}")


if __name__ == "__main__":
    main()
