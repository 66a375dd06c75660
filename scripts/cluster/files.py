"""The files of `make run-cluster`: its secrets, and what Redis, HAProxy and each instance are started with.

All stand in `.holdfast/`, readable by their owner alone. Secrets are made once and stay; the rest is written anew at
each start, because a port may have been taken meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shlex
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from holdfast.cli.first_run import OPEN_CHANNELS
from holdfast.cli.place import LOCAL_FOLDER

FOLDER = LOCAL_FOLDER / "cluster"
REDIS_FOLDER = LOCAL_FOLDER / "redis"
BALANCER = Path(__file__).resolve().parents[2] / "examples" / "balancers" / "haproxy.cfg"
INSTANCES = ("gateway-1", "gateway-2", "gateway-3")
MASTER = "mymaster"
SECRETS = ("token", "api", "admin", "redis", "redis_admin", "redis_replica", "sentinel")
SECRET_BYTES = 32

# What docs/redis.md says that the gateway needs, and a test tries.
GATEWAY_RIGHTS = (
    "~holdfast:* &holdfast:* -@all +@read +@write -@dangerous +eval +evalsha +time +info +ping +wait +publish +spublish"
    " +subscribe +unsubscribe +ssubscribe +sunsubscribe +asking +cluster|slots +client|setname"
)
# https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/#acl-rules-for-sentinel-and-replicas
SENTINEL_RIGHTS = (
    "allchannels -@all +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info +client|setname"
    " +client|kill +script|kill"
)
REPLICA_RIGHTS = "-@all +psync +replconf +ping"

# Where somebody looks first; another free port is taken where one of them is not free.
USUAL_PORTS = {
    "balancer": 8000,
    **{name: 8000 + number for number, name in enumerate(INSTANCES, 1)},
    **{f"{name}-internal": 9000 + number for number, name in enumerate(INSTANCES, 1)},
    "api": 9000,
    "stats": 8404,
    "redis-1": 6390,
}
SENTINEL_PORTS = {"redis-2": 6391, "redis-3": 6392, "sentinel-1": 26390, "sentinel-2": 26391, "sentinel-3": 26392}

_GATEWAY = """\
# Made by `make run-cluster` at each start. The instances differ in the first three lines alone.
instance: {name}
port: {port}
internal_port: {internal}

# HAProxy asks every second, and believes the second no: whoever stops waits that long before the first goodbye.
shutdown:
  propagation_wait: 3s
  drain_window: 5s
http:
  trusted_proxies: [127.0.0.1/32]
broker:
  type: redis
  redis:
    mode: {mode}
    addresses: {addresses}
    user: holdfast
    password: {redis}
    sentinel_password: {sentinel}
token:
  hmac_secret: {token}
api:
  keys: [{api}]
admin:
  token: {admin}
"""
_REDIS = """\
bind 127.0.0.1
port {port}
dir {folder}
aclfile {folder}/users.acl
logfile {log}
# Kept over a restart, but for the last second; a Redis that forgets keys would lose sessions and positions.
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
repl-diskless-sync-delay 0
"""
_REPLICATION = """\
masteruser replica
masterauth {redis_replica}
# A master that lost its replicas takes nothing, so that it does not acknowledge what a failover would forget.
min-replicas-to-write 1
min-replicas-max-lag 5
"""
# The default user keeps its rights and cannot log in: Redis reads its append-only file as that user, and leaves out
# what it may not do.
_USERS = """\
user default off ~* &* +@all
user holdfast on #{redis} {gateway_rights}
user admin on #{redis_admin} ~* &* +@all
user replica on #{redis_replica} {replica_rights}
user sentinel on #{sentinel} {sentinel_rights}
"""
_SENTINEL = """\
bind 127.0.0.1
port {port}
dir {folder}
logfile {log}
requirepass {sentinel}
sentinel sentinel-pass {sentinel}
sentinel monitor {master} 127.0.0.1 {redis_port} 2
sentinel auth-user {master} sentinel
sentinel auth-pass {master} {sentinel}
sentinel down-after-milliseconds {master} 2000
sentinel failover-timeout {master} 10000
"""


@dataclass(frozen=True)
class Plan:
    """What runs where: ports by name, and whether Redis has replicas and sentinels."""

    ports: Mapping[str, int]
    secrets: Mapping[str, str]
    has_sentinels: bool

    def at(self, name: str) -> str:
        """Return host:port."""
        return f"127.0.0.1:{self.ports[name]}"

    def names(self, kind: str) -> list[str]:
        """Return what there is of a kind, such as `redis` or `sentinel`."""
        return sorted(name for name in self.ports if re.fullmatch(rf"{kind}-\d", name))


def plan_of(*, has_sentinels: bool, any_ports: bool, is_free: Callable[[int], bool] | None = None) -> Plan:
    """Choose the ports and read the secrets, or make them."""
    wanted = {**USUAL_PORTS, **(SENTINEL_PORTS if has_sentinels else {})}
    return Plan(choose(wanted, any_ports=any_ports, is_free=is_free or _is_free), ensure_secrets(), has_sentinels)


def choose(wanted: Mapping[str, int], *, any_ports: bool, is_free: Callable[[int], bool]) -> dict[str, int]:
    """Return a port for each name: the usual one, or another where that is taken or any will do."""
    chosen: dict[str, int] = {}
    for name, usual in wanted.items():
        port = usual
        while (any_ports and port == usual) or port in chosen.values() or not is_free(port):
            port = _free_port()
        chosen[name] = port
    return chosen


def ensure_secrets(path: Path = FOLDER / "secrets.json") -> dict[str, str]:
    """Return the secrets of this checkout; those that are not there yet are made."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found = {name: kept.get(name) or secrets.token_urlsafe(SECRET_BYTES) for name in SECRETS}
    if found != kept:
        write(path, json.dumps(found, indent=2))
    return found


def write(path: Path, text: str) -> None:
    """Write a file that nobody else may read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def write_all(plan: Plan) -> None:
    """Write every file that the processes are started with, and leave no log of an earlier start."""
    for path in FOLDER.glob("*.log"):
        path.unlink()
    for name in INSTANCES:
        write(FOLDER / f"{name}.yaml", gateway_settings(plan, name))
    write(FOLDER / "instances.yaml", inventory(plan))
    write(FOLDER / "haproxy.cfg", balancer_settings(plan))
    write(FOLDER / "redis-admin-password", plan.secrets["redis_admin"])
    for name in plan.names("redis"):
        folder = redis_folder(plan, name)
        if plan.has_sentinels:  # who was the master when it ended is not known here, so all begin empty
            shutil.rmtree(folder, ignore_errors=True)
        write(folder / "users.acl", users(plan))
        write(folder / "redis.conf", redis_settings(plan, name))
    for name in plan.names("sentinel"):
        write(FOLDER / name / "sentinel.conf", sentinel_settings(plan, name))


def log_of(name: str) -> Path:
    """Return the file that a process logs into."""
    return FOLDER / f"{name}.log"


def redis_folder(plan: Plan, name: str) -> Path:
    """Return where a Redis keeps its data; the one that stands alone keeps it over restarts."""
    return FOLDER / name if plan.has_sentinels else REDIS_FOLDER


def gateway_settings(plan: Plan, name: str) -> str:
    """Return the settings of an instance."""
    servers = plan.names("sentinel" if plan.has_sentinels else "redis")
    own = _GATEWAY.format(
        name=name,
        port=plan.ports[name],
        internal=plan.ports[f"{name}-internal"],
        mode="sentinel" if plan.has_sentinels else "single",
        addresses=json.dumps([plan.at(server) for server in servers]),
        **plan.secrets,
    )
    return own + OPEN_CHANNELS


def inventory(plan: Plan) -> str:
    """Return what scripts that look after instances are told of them: they stop one, and it is started again here."""
    instances = [
        {
            "name": name,
            "url": f"http://{plan.at(f'{name}-internal')}",
            "config": f"{name}.yaml",
            "log": f"{name}.log",
            "pid_file": f"{name}.pid",
            "stop": ["sh", "-c", f"kill $(cat {shlex.quote(str((FOLDER / name).absolute()))}.pid)"],
            "start": ["true"],
        }
        for name in INSTANCES
    ]
    return yaml.safe_dump({"audit_log": "audit.jsonl", "instances": instances}, sort_keys=False)


def redis_settings(plan: Plan, name: str) -> str:
    """Return the redis.conf of a server; the first one is the master."""
    text = _REDIS.format(port=plan.ports[name], folder=redis_folder(plan, name).absolute(), log=log_of(name).absolute())
    if plan.has_sentinels:
        text += _REPLICATION.format(**plan.secrets)
        if name != "redis-1":
            text += f"replicaof {plan.at('redis-1').replace(':', ' ')}\n"
    return text


def users(plan: Plan) -> str:
    """Return the users of Redis, their passwords as SHA-256."""
    hashed = {name: hashlib.sha256(secret.encode()).hexdigest() for name, secret in plan.secrets.items()}
    return _USERS.format(
        **hashed, gateway_rights=GATEWAY_RIGHTS, sentinel_rights=SENTINEL_RIGHTS, replica_rights=REPLICA_RIGHTS
    )


def sentinel_settings(plan: Plan, name: str) -> str:
    """Return the configuration of a sentinel, which it goes on writing itself."""
    return _SENTINEL.format(
        port=plan.ports[name],
        folder=(FOLDER / name).absolute(),
        log=log_of(name).absolute(),
        master=MASTER,
        redis_port=plan.ports["redis-1"],
        **plan.secrets,
    )


def balancer_settings(plan: Plan) -> str:
    """Return the example's configuration with the addresses of this machine."""
    text = BALANCER.read_text(encoding="utf-8")
    for number, name in enumerate(INSTANCES, 1):
        address, internal = plan.at(name), plan.ports[f"{name}-internal"]
        text = text.replace(f"10.0.0.1{number}:8000 check port 9000", f"{address} check port {internal}")
        text = text.replace(f"10.0.0.1{number}:9000", f"127.0.0.1:{internal}")
    for name, address in (("balancer", ":80\n"), ("api", ":9000\n"), ("stats", ":8404\n")):
        text = text.replace(f"bind 10.0.0.10{address}", f"bind {plan.at(name)}\n")
    return "global\n    log stderr format raw local0\n\n" + text


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
