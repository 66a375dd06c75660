#!/usr/bin/python
"""Give a running Sentinel passwords and numbers. It writes its file itself, so that nothing needs a restart."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import redis_link, redis_users
from ansible_collections.holdfast.gateway.plugins.module_utils.redis_link import Link, RedisError

DOCUMENTATION = r"""
module: sentinel_runtime
author: Holdfast contributors
version_added: 0.1.0
short_description: Give a running Sentinel passwords and numbers, or ask which master there is
description:
  - Signs in with the new password, else with the one that the host's own file of Sentinel still has.
options:
  step:
    description:
      - C(accept) lets it take the new password beside that of before.
      - C(use) lets it sign in to Redis and to other sentinels with the new ones, and gives it the numbers.
      - C(forget) lets it take the new password alone.
      - C(ask) finds the master that the sentinels at C(addresses) have; the newest decision counts.
    type: str
    choices: [accept, use, forget, ask]
    required: true
  addresses:
    description: Address of Sentinel; for C(ask) of all that may know.
    type: list
    elements: str
    required: true
  port:
    description: Its port.
    type: int
    default: 26379
  password:
    description: Password of sentinels.
    type: str
    required: true
  redis_password:
    description: What it signs in to Redis with. For C(use).
    type: str
    default: ""
  settings:
    description: Numbers of the master that is watched, by name. For C(use).
    type: dict
    default: {}
  master:
    description: Name of that master.
    type: str
    default: mymaster
  file:
    description: Sentinel's own file.
    type: path
    default: /etc/redis/sentinel.conf
  timeout:
    description: Seconds that an answer may take.
    type: float
    default: 10
"""

EXAMPLES = r"""
- name: Let Sentinel take the new password beside the old one
  holdfast.gateway.sentinel_runtime:
    step: accept
    addresses: [10.0.0.31]
    password: "{{ redis_password }}"
"""

RETURN = r"""
address:
  description: Address of the master; empty where no sentinel knows one.
  returned: for C(ask)
  type: str
"""

# What `SENTINEL MASTER` calls that which `SENTINEL SET` gives.
NUMBERS = ("quorum", "down-after-milliseconds", "failover-timeout", "parallel-syncs")


def connected(given: dict, text: str) -> Link:
    """Return a connection that is signed in.

    Raises:
        RedisError: nobody listens, or no known password is taken.
    """
    link = Link(given["addresses"][0], given["port"], given["timeout"])
    former = redis_users.value_in(text, "sentinel", "sentinel-pass")
    redis_link.sign_in(link, [given["password"], former], given["file"])
    return link


def let_in(link: Link, password: str, keeps: bool, may_write: bool) -> list[str]:
    """Let Sentinel take a password, beside those of before or alone; return what changes.

    Raises:
        RedisError: it refuses.
    """
    answer = redis_link.pairs(link.ask("ACL", "GETUSER", "default"))
    hashes = [str(one) for one in answer.get("passwords", [])]
    wanted = redis_users.hash_of(password)
    if wanted in hashes and (keeps or len(hashes) == 1):
        return []
    if may_write:
        link.ask("ACL", "SETUSER", "default", *([] if keeps else ["resetpass"]), f"#{wanted}")
        link.ask("SENTINEL", "FLUSHCONFIG")
    return [f"takes {len(hashes) + 1 if keeps else 1} passwords"]


def use(link: Link, given: dict, text: str, may_write: bool) -> list[str]:
    """Give it what it signs in with, and its numbers; return what changes.

    Raises:
        RedisError: it refuses.
    """
    found, master = [], given["master"]
    steps = []
    if redis_users.value_in(text, "sentinel", "sentinel-pass") != given["password"]:
        found.append("signs in to sentinels with the new password")
        steps.append(["SENTINEL", "CONFIG", "SET", "sentinel-pass", given["password"]])
    if redis_users.value_in(text, "sentinel", "auth-pass", master) != given["redis_password"]:
        found.append("signs in to Redis with the new password")
        steps.append(["SENTINEL", "SET", master, "auth-pass", given["redis_password"]])
    now = redis_link.pairs(link.ask("SENTINEL", "MASTER", master))
    for name in NUMBERS:
        value = given["settings"].get(name)
        if value is not None and str(now.get(name)) != str(value):
            found.append(f"{name} {value} (was {now.get(name)})")
            steps.append(["SENTINEL", "SET", master, name, str(value)])
    for words in steps if may_write else []:
        link.ask(*words)
    return found


def master_of(given: dict) -> str:
    """Return the address of the master by the newest decision of the sentinels that answer; empty where none does."""
    found = [(-1, "")]
    for address in given["addresses"]:
        try:
            link = Link(address, given["port"], given["timeout"])
            link.ask("AUTH", given["password"])
            now = redis_link.pairs(link.ask("SENTINEL", "MASTER", given["master"]))
        except RedisError:
            continue
        found.append((int(str(now.get("config-epoch", 0))), str(now.get("ip", ""))))
    return max(found)[1]


def work(module: AnsibleModule) -> dict:
    """Do the step and return what the module answers.

    Raises:
        RedisError: Sentinel refuses.
    """
    given = module.params
    if given["step"] == "ask":
        return {"changed": False, "address": master_of(given)}
    with open(given["file"]) as file:
        text = file.read()
    if not redis_users.value_in(text, "sentinel", "sentinel-pass"):
        return {"changed": False}  # the package's own file: the role has not been here yet
    try:
        link = connected(given, text)
    except redis_link.NotThere:
        if given["step"] == "use":
            raise
        return {"changed": False}
    may_write = not module.check_mode
    found = let_in(link, given["password"], given["step"] != "forget", may_write)
    if given["step"] == "use":
        found += use(link, given, text, may_write)
    return {"changed": bool(found), "diff": {"before": "", "after": "".join(f"{line}\n" for line in found)}}


def main() -> None:
    """Run as a module."""
    given = {
        "step": {"type": "str", "choices": ["accept", "use", "forget", "ask"], "required": True},
        "addresses": {"type": "list", "elements": "str", "required": True},
        "port": {"type": "int", "default": 26379},
        "password": {"type": "str", "required": True, "no_log": True},
        "redis_password": {"type": "str", "default": "", "no_log": True},
        "settings": {"type": "dict", "default": {}},
        "master": {"type": "str", "default": "mymaster"},
        "file": {"type": "path", "default": "/etc/redis/sentinel.conf"},
        "timeout": {"type": "float", "default": 10},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    try:
        module.exit_json(**work(module))
    except FileNotFoundError:
        module.exit_json(changed=False)  # not installed yet
    except (RedisError, OSError) as error:
        module.fail_json(msg=f"Sentinel: {error}")


if __name__ == "__main__":
    main()
