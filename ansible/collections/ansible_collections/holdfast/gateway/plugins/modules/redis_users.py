#!/usr/bin/python
"""Exchange passwords of Redis: the new one beside the old one first, the old one away when nobody has it any more."""

from __future__ import annotations

import grp
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import redis_link, redis_users
from ansible_collections.holdfast.gateway.plugins.module_utils.redis_link import Link, RedisError
from ansible_collections.holdfast.gateway.plugins.module_utils.redis_users import User

DOCUMENTATION = r"""
module: redis_users
author: Holdfast contributors
version_added: 0.1.0
short_description: Exchange passwords of Redis without a moment in which one is refused
description:
  - Keeps the users C(default) and C(holdfast) in the running Redis and in its file of users, which knows hashes alone.
  - Signs in with the new password, else with the one that the host's own file of settings still has.
  - A Redis that does not run finds them in the file when it starts.
options:
  step:
    description: C(accept) adds passwords and keeps those of before, C(forget) keeps no others than the given ones.
    type: str
    choices: [accept, forget]
    required: true
  address:
    description: Address of Redis.
    type: str
    required: true
  port:
    description: Its port.
    type: int
    default: 6379
  password:
    description: Password that the default user is to have.
    type: str
    required: true
  passwords:
    description: Passwords by user.
    type: dict
    required: true
  rights:
    description: Rights by user, in the words of C(ACL SETUSER).
    type: dict
    required: true
  file:
    description: The file of users.
    type: path
    default: /etc/redis/holdfast.acl
  settings_file:
    description: The file with our settings; its C(masterauth) is the password of before. Without it this host is new.
    type: path
    default: /etc/redis/holdfast.conf
  create:
    description: Begin the file of users of a host that is new. Without, nothing is done there.
    type: bool
    default: false
  timeout:
    description: Seconds that an answer may take.
    type: float
    default: 60
"""

EXAMPLES = r"""
- name: Take the new password beside the old one
  holdfast.gateway.redis_users:
    step: accept
    address: 10.0.0.31
    password: "{{ redis_admin_password }}"
    passwords: {default: "{{ redis_admin_password }}"}
    rights: {default: "~* &* +@all"}
"""

RETURN = r"""
taken:
  description: How many passwords each user has now.
  returned: success
  type: dict
"""


def read(path: str) -> str:
    """Return a file's text; empty where there is none."""
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""


def connected(given: dict, settings: str) -> Link | None:
    """Return a connection that is signed in; None where no Redis runs, or none of ours yet.

    Raises:
        RedisError: no known password is taken.
    """
    if not settings:
        return None
    try:
        link = Link(given["address"], given["port"], given["timeout"])
    except redis_link.NotThere:
        return None
    former = redis_users.value_in(settings, "masterauth")
    redis_link.sign_in(link, [given["password"], former], given["settings_file"])
    return link


def running(link: Link, in_file: dict[str, User]) -> dict[str, User]:
    """Return ours of the running Redis: their rights are those of the file, which is written after Redis was told."""
    found = {}
    for name in redis_users.OURS:
        if answer := redis_link.pairs(link.ask("ACL", "GETUSER", name)):
            hashes = [str(one) for one in answer.get("passwords", [])]
            found[name] = User(hashes, in_file[name].rules if name in in_file else "")
    return found


def tell(link: Link, users: dict[str, User], names: list[str], password: str) -> None:
    """Bring these users of the running Redis to what they are to be. Who is connected stays, but for a user who goes.

    Raises:
        RedisError: it refuses.
    """
    for name in names:
        link.ask(*(["ACL", "SETUSER", name, *users[name].words()] if name in users else ["ACL", "DELUSER", name]))
    if "default" in names and len(users["default"].hashes) == 1:
        # The same once more, so that a Redis that writes its settings writes no password of before.
        link.ask("CONFIG", "SET", "requirepass", password)


def write(path: str, text: str) -> None:
    """Put a file in its place whole, readable by root and Redis alone."""
    fresh = f"{path}.new"
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    os.chown(fresh, 0, grp.getgrnam("redis").gr_gid)
    os.chmod(fresh, 0o640)
    os.replace(fresh, path)


def work(module: AnsibleModule) -> dict:
    """Bring Redis and its file to what is wanted, and return what the module answers.

    Raises:
        RedisError: Redis refuses.
    """
    given = module.params
    settings, text = read(given["settings_file"]), read(given["file"])
    if not settings and not given["create"]:
        return {"changed": False, "taken": {}}
    link = connected(given, settings)
    in_file = redis_users.users_in(text)
    now = running(link, in_file) if link else {}
    former = redis_users.value_in(settings, "masterauth")
    # A host whose password was never exchanged by this module has it in its settings alone.
    known = in_file or ({"default": User([redis_users.hash_of(former)], "")} if former else {})
    known = redis_users.joined(known, now)
    wanted = {
        name: User([redis_users.hash_of(str(password))], given["rights"][name])
        for name, password in given["passwords"].items()
    }
    is_kept = given["step"] == "accept"
    after = redis_users.accepting(known, wanted) if is_kept else wanted
    to_tell = [name for name in redis_users.differing(now, after) if name in after or not is_kept] if link else []
    is_written = not redis_users.differing(in_file, after)
    if not module.check_mode:
        # Redis first: what its file lacks is asked of it again, the other way round it would not be.
        if link:
            tell(link, after, to_tell, given["password"])
        if not is_written:
            write(given["file"], redis_users.text_of(after, text))
    return {
        "changed": bool(to_tell) or not is_written,
        "taken": {name: len(user.hashes) for name, user in after.items()},
        "diff": {"before": redis_users.told(known), "after": redis_users.told(after)},
    }


def main() -> None:
    """Run as a module."""
    given = {
        "step": {"type": "str", "choices": ["accept", "forget"], "required": True},
        "address": {"type": "str", "required": True},
        "port": {"type": "int", "default": 6379},
        "password": {"type": "str", "required": True, "no_log": True},
        "passwords": {"type": "dict", "required": True, "no_log": True},
        "rights": {"type": "dict", "required": True},
        "file": {"type": "path", "default": "/etc/redis/holdfast.acl"},
        "settings_file": {"type": "path", "default": "/etc/redis/holdfast.conf"},
        "create": {"type": "bool", "default": False},
        "timeout": {"type": "float", "default": 60},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    try:
        module.exit_json(**work(module))
    except (RedisError, OSError) as error:
        module.fail_json(msg=f"Redis: {error}")


if __name__ == "__main__":
    main()
