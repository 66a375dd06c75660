"""The settings of the broker: what is kept, and the Redis that instances share."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from holdfast.settings_types import Duration, Group, OptionalPath


def _address(value: str) -> str:
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:/@\[\]]+):(\d{1,5})", value)
    if found is None or not 0 < int(found[2]) < 65536:
        raise ValueError("expected host:port such as redis-1:6379 or [::1]:6379")
    return value


# Keys are read by people and matched by ACLs (`~prefix:*`), and braces would change the slot.
Prefix = Annotated[str, Field(pattern=r"^[-a-zA-Z0-9_.]{1,64}$")]
Address = Annotated[str, AfterValidator(_address)]


class RedisTlsSettings(Group):
    """TLS on the way to Redis, and to its sentinels."""

    enabled: bool = Field(False, description="Speak TLS.")
    ca_file: OptionalPath = Field(None, description="Certificates to trust in PEM; empty trusts the system's.")
    cert_file: OptionalPath = Field(None, description="The gateway's own certificate in PEM, where Redis asks for one.")
    key_file: OptionalPath = Field(None, description="Its private key in PEM.")


class RedisSettings(Group):
    """Redis or Valkey, 7 or later."""

    mode: Literal["single", "sentinel", "cluster"] = Field(
        "single", description="One server, a master that sentinels name, or a cluster."
    )
    addresses: tuple[Address, ...] = Field(
        ("127.0.0.1:6379",),
        min_length=1,
        description="host:port: of the one server, of all sentinels, or of some nodes of the cluster.",
    )
    master_name: str = Field("mymaster", min_length=1, description="What the sentinels call the master.")
    db: int = Field(0, ge=0, description="Number of the database; a cluster has only 0.")
    user: str = Field("", description="ACL user; empty is Redis' default user.")
    password: SecretStr = Field(SecretStr(""), description="Its password; empty sends none.")
    sentinel_user: str = Field("", description="ACL user at the sentinels.")
    sentinel_password: SecretStr = Field(SecretStr(""), description="Its password.")
    tls: RedisTlsSettings = Field(RedisTlsSettings(), description="TLS.")
    prefix: Prefix = Field("holdfast", description="Begins every key and channel; one for each group of instances.")
    connect_timeout: Duration = Field(1.0, gt=0, le=30, description="For a new connection to Redis.")
    timeout: Duration = Field(2.0, gt=0, le=30, description="For the answer to a command.")
    snapshot_path: OptionalPath = Field(
        None, description="Begins the names of files with all that Redis holds, one for each time; empty writes none."
    )
    snapshot_interval: Duration = Field(300.0, ge=1, description="How often one of the instances writes such a file.")
    snapshot_keep: int = Field(12, ge=1, le=10000, description="Files that stay; older ones are deleted.")
    snapshot_rate: float = Field(2000.0, ge=1, description="Keys a second that writing it asks Redis for, at most.")


class BrokerSettings(Group):
    """History, presence, and what instances share."""

    type: Literal["memory", "redis"] = Field(
        "memory", description="`memory` is embedded and for one instance; `redis` joins instances."
    )
    redis: RedisSettings = Field(RedisSettings(), description="Where Redis is, for `type: redis`.")
    unready_after: Duration = Field(
        15.0, description="How long the broker may be away before `/readyz` fails; none with the embedded broker."
    )
    node_ttl: Duration = Field(
        10.0,
        ge=2,
        le=120,
        description="How long an instance that died is still listed; a third of it is its heartbeat.",
    )
    survey_timeout: Duration = Field(2.0, gt=0, le=30, description="How long other instances may take to answer.")
    snapshot_path: OptionalPath = Field(None, description="File that keeps history over a restart; empty keeps none.")
    snapshot_interval: Duration = Field(
        60.0, description="How often the file is written while running; 0 only at the end."
    )
    presence_ttl: Duration = Field(60.0, gt=0, description="How long a presence entry lives without refresh.")
    idempotency_ttl: Duration = Field(300.0, gt=0, description="How long an idempotency key is remembered.")
    idempotency_limit: int = Field(100000, ge=0, description="Idempotency keys remembered by the embedded broker.")
    max_streams: int = Field(
        1000000,
        ge=1,
        description="Channels with history the embedded broker keeps; above it the least recently used go.",
    )
