"""The files that `make up` starts containers with, all in `.holdfast/compose`: rendered ones, secrets, one of the user.

Secrets are made at the first start and stay; `own.yaml` is made once and is the user's; the rest is written anew.
Files are written in place, because containers hold them by inode.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import yaml
from cluster.files import GATEWAY_RIGHTS, SECRET_BYTES

from holdfast.cli.demo_user import ensure_demo_user
from holdfast.cli.first_run import OPEN_CHANNELS, dev_settings
from holdfast.cli.place import LOCAL_FOLDER
from holdfast.profile import Profile, render
from holdfast.profile.render.compose import gateways, one_machine
from holdfast.settings import Settings

FOLDER = LOCAL_FOLDER / "compose"
IMAGE_USER = 10001
SECRETS = ("token-hmac-secret", "api-keys", "admin-token", "redis-password")
OWN = f"""\
# Your settings, laid over those of the profile (holdfast.yaml beside this file); `make up` brings them into force, one
# gateway after the other. docs/configuration.md has them all. Secrets do not belong here: they are in secrets/.
{OPEN_CHANNELS}"""


@dataclass(frozen=True)
class Written:
    """What there is now."""

    gateways: list[str]
    digest: str
    """Changes with what gateways are started with."""

    is_balancer_new: bool
    """Whether HAProxy's configuration is another one than before."""


def write_all(profile: Profile, owner: tuple[int, int] | None) -> Written:
    """Write every file; with `owner`, who is somebody else than us, what containers read as theirs is given to him.

    Raises:
        ProfileError: the profile contradicts itself.
    """
    facts = profile.intents.reference.facts()
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    given = ensure_secrets()
    _write(FOLDER / "secrets" / "redis-users", users(given["redis-password"]))
    own = FOLDER / "own.yaml"
    if not own.exists():
        _write(own, OWN)
    settings = yaml.safe_dump(merged(yaml.safe_load(render("gateway", profile, facts)), _own(own)), sort_keys=False)
    _write(FOLDER / "holdfast.yaml", f"# Made by `make up` from the profile {profile.name} and own.yaml.\n{settings}")
    _write(FOLDER / "compose.yaml", render("compose", profile, facts), 0o644)
    _write(FOLDER / "redis.conf", render("redis", one_machine(profile), facts), 0o644)
    (FOLDER / "redis").mkdir(mode=0o700, exist_ok=True)
    is_new = _write(FOLDER / "haproxy.cfg", render("compose-haproxy", profile, facts), 0o644)
    if owner is not None:
        _give(owner, FOLDER / "holdfast.yaml", FOLDER / "redis", *(FOLDER / "secrets").iterdir())
    digest = hashlib.sha256(json.dumps([settings, given]).encode()).hexdigest()[:12]
    return Written(gateways(profile), digest, is_new)


def write_demo(names: list[str], owner: tuple[int, int] | None) -> Path:
    """Write what the demo needs: users with a password, for each gateway its copy; return the file that mounts them."""
    demo = FOLDER / "demo"
    first = demo / names[0]
    if not first.exists():
        with _in_folder(demo / "made"):
            ensure_demo_user(dev_settings(None, {}, {"token.hmac_secret": "0" * SECRET_BYTES, "api.keys": ["0"]}))
        (demo / "made" / LOCAL_FOLDER / "local.yaml").unlink(missing_ok=True)
        (demo / "made" / LOCAL_FOLDER).rename(first)
    for name in names[1:]:
        if not (demo / name).exists():
            shutil.copytree(first, demo / name)
    if owner is not None:
        _give(owner, *demo.rglob("*"))
    services = {
        # Quiet: what it would print holds secrets, and what containers print is kept.
        name: {"command": ["serve", "--dev", "--quiet"], "volumes": [f"./demo/{name}:/etc/holdfast/{LOCAL_FOLDER}"]}
        for name in names
    }
    path = FOLDER / "demo.yaml"
    _write(
        path,
        "# The demo page and its switches, which break things on purpose.\n" + yaml.safe_dump({"services": services}),
    )
    return path


def loaded() -> Settings:
    """Return the settings that the gateways run with, as a program of this machine needs them to make tokens."""
    from holdfast.settings_load import load_settings

    given = ensure_secrets()
    return load_settings(
        FOLDER / "holdfast.yaml",
        {},
        {"token.hmac_secret": given["token-hmac-secret"], "api.keys": json.loads(given["api-keys"])},
    )


def demo_password(names: list[str]) -> str:
    """Return the password of the demo's users, "" where there is none."""
    path = FOLDER / "demo" / names[0] / "demo-password"
    return path.read_text().strip() if path.is_file() else ""


def ensure_secrets(folder: Path | None = None) -> dict[str, str]:
    """Return the secrets of this checkout; those that are not there yet are made, readable by their owner alone."""
    folder = folder or FOLDER / "secrets"
    found = {}
    for name in SECRETS:
        path = folder / name
        if not path.exists():
            made = secrets.token_urlsafe(SECRET_BYTES)
            _write(path, json.dumps([made]) if name == "api-keys" else made)
        found[name] = path.read_text().strip()
    return found


def users(password: str) -> str:
    """Return the users of Redis, their passwords as SHA-256; the default one cannot log in."""
    digest = hashlib.sha256(password.encode()).hexdigest()
    return f"user default off ~* &* +@all\nuser holdfast on #{digest} {GATEWAY_RIGHTS}\n"


def merged(under: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """Return nested settings with others laid over them."""
    result = dict(under)
    for name, value in over.items():
        below = result.get(name)
        result[name] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _own(path: Path) -> dict[str, object]:
    found = yaml.safe_load(path.read_text())
    return found if isinstance(found, dict) else {}


def _write(path: Path, text: str, mode: int = 0o600) -> bool:
    """Write a file in place, and tell whether it held something else."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = path.read_text() if path.exists() else None
    if before != text:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        path.chmod(mode)
    return before not in (None, text)


def _give(owner: tuple[int, int], *paths: Path) -> None:
    for path in paths:
        os.chown(path, *owner)


def _in_folder(folder: Path) -> chdir[Path]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return chdir(folder)
