#!/usr/bin/python
"""Give a running Redis the settings that its file has, so that a change of them needs no restart."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import redis_users
from ansible_collections.holdfast.gateway.plugins.module_utils.redis_link import Link, RedisError, sign_in

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
  master_password:
    description: What it signs in to its master with, as a replica; empty leaves that alone.
    type: str
    default: ""
  settings_file:
    description: The file with our settings; its C(masterauth) is tried where the password is not taken yet.
    type: path
    default: /etc/redis/holdfast.conf
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


def is_other(link: Link, password: str) -> bool:
    """Tell whether it signs in to its master with another password."""
    answer = link.ask("CONFIG", "GET", "masterauth")
    return not isinstance(answer, list) or answer[1:] != [password]


def work(module: AnsibleModule) -> dict:
    """Compare, set what differs, and return what the module answers.

    Raises:
        RedisError: Redis refuses.
    """
    given = module.params
    link = Link(given["address"], given["port"], given["timeout"])
    try:
        with open(given["settings_file"]) as file:
            former = redis_users.value_in(file.read(), "masterauth")
    except FileNotFoundError:
        former = ""
    sign_in(link, [given["password"], former], given["settings_file"])
    found = differing(link, {name: str(value) for name, value in given["settings"].items()})
    has_other = bool(given["master_password"]) and is_other(link, given["master_password"])
    later = sorted(name for name in found if name in CONSTANT)
    now = {name: pair for name, pair in found.items() if name not in CONSTANT}
    if not module.check_mode:
        for name, (_, value) in now.items():
            link.ask("CONFIG", "SET", name, value)
        if has_other:
            link.ask("CONFIG", "SET", "masterauth", given["master_password"])
    diff = {
        "before": "".join(f"{name} {was}\n" for name, (was, _) in now.items()) + "masterauth: of before\n" * has_other,
        "after": "".join(f"{name} {value}\n" for name, (_, value) in now.items()) + "masterauth: new\n" * has_other,
    }
    return {"changed": bool(now) or has_other, "later": later, "diff": diff}


def main() -> None:
    """Run as a module."""
    given = {
        "address": {"type": "str", "required": True},
        "port": {"type": "int", "default": 6379},
        "password": {"type": "str", "required": True, "no_log": True},
        "settings": {"type": "dict", "required": True},
        "master_password": {"type": "str", "default": "", "no_log": True},
        "settings_file": {"type": "path", "default": "/etc/redis/holdfast.conf"},
        "timeout": {"type": "float", "default": 60},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    try:
        module.exit_json(**work(module))
    except RedisError as error:
        module.fail_json(msg=f"Redis: {error}")


if __name__ == "__main__":
    main()
