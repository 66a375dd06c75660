"""The settings of the gateway's own login, `/auth/...`."""

from __future__ import annotations

from typing import Final

from pydantic import Field, SecretStr

from holdfast.settings_types import Duration, Group, OptionalPath, Origin

SHORTEST_SECRET: Final = 32
"""Bytes of the secret that signs access tokens; who guesses it can be anybody."""


class PasswordSettings(Group):
    """How passwords are hashed: argon2id, by default with what OWASP asks for at least."""

    memory: int = Field(19456, ge=1024, le=4194304, description="KiB of memory that one hash takes.")
    iterations: int = Field(2, ge=1, le=100, description="Passes over the memory.")
    parallelism: int = Field(1, ge=1, le=64, description="Lanes of one hash.")
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Hashes made at the same time, each in a thread of its own; one leaves the other of two cores to "
        "the connections.",
    )
    waiting: int = Field(
        64,
        ge=1,
        le=10000,
        description="Logins that may wait for their hash; above it they are refused as `login_busy`.",
    )
    min_length: int = Field(8, ge=1, le=1024, description="Shortest password that `holdfast user` takes.")


class LockoutSettings(Group):
    """What repeated failures to log in lead to."""

    rate: float = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="Requests a second to `/auth/login` from one address, in the long run.",
    )
    burst: int = Field(30, ge=1, description="Such requests from one address that may come at once.")
    failures: int = Field(
        5, ge=1, description="Failures of one account from one address before the first lock of the two."
    )
    account_failures: int = Field(
        50, ge=1, description="Failures of one account from all addresses before it is locked for unknown devices."
    )
    first: Duration = Field(5.0, gt=0, description="The first lock; each failure after it doubles the next one.")
    longest: Duration = Field(900.0, gt=0, description="The longest lock.")
    forget: Duration = Field(3600.0, gt=0, description="After so long without a failure, earlier ones are forgotten.")


class AuthSettings(Group):
    """Users, passwords and sessions of the gateway's own login; see docs/login.md."""

    enabled: bool = Field(False, description="Serve `/auth/...`; needs `token.hmac_secret`, to sign tokens.")
    users_path: OptionalPath = Field(
        None, description="SQLite file with the users, made if it is missing; empty needs `users_url`."
    )
    users_url: SecretStr = Field(
        SecretStr(""),
        description="PostgreSQL database with the users instead, such as `postgresql://user:password@host/name`; "
        "needs the extra `holdfast[postgres]`.",
    )
    pool_size: int = Field(4, ge=1, le=100, description="Connections to the database, and queries at the same time.")
    database_waiting: int = Field(
        4096,
        ge=1,
        le=100000,
        description="Queries that may wait for one; above it requests are refused as `login_busy`.",
    )
    database_timeout: Duration = Field(
        5.0, ge=1, description="How long the database may take to connect, and for a query."
    )
    access_ttl: Duration = Field(600.0, ge=10, le=86400, description="Life of the access tokens.")
    channels: tuple[str, ...] = Field(
        (), description="Claim `channels` of the access tokens; `{user}` stands for the user's id."
    )
    idle_lifetime: Duration = Field(604800.0, ge=60, description="A session that is not refreshed for so long ends.")
    absolute_lifetime: Duration = Field(2592000.0, ge=60, description="So long after its login a session ends.")
    refresh_overlap: Duration = Field(
        30.0, ge=1, le=300, description="How long a refresh token that was exchanged still gives its successor."
    )
    refresh_rate: float = Field(
        0.5,
        gt=0,
        allow_inf_nan=False,
        description="Requests a second of one session to `/auth/refresh` and `/auth/session`, in the long run.",
    )
    refresh_burst: int = Field(150, ge=1, description="Such requests of one session that may come at once.")
    max_sessions: int = Field(
        50, ge=1, le=10000, description="Sessions a user may have; one more ends the one not used for longest."
    )
    allowed_origins: tuple[Origin, ...] = Field(
        (), description="Pages of other origins, of the same site, that may log in here; empty is same origin only."
    )
    insecure_loopback: bool = Field(
        False,
        description="Give cookies without `Secure` to who comes by plain HTTP to a loopback name; for `make run`.",
    )
    password: PasswordSettings = Field(PasswordSettings(), description="Hashes of passwords.")
    lockout: LockoutSettings = Field(LockoutSettings(), description="Failed logins.")
