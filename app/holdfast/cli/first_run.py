"""A gateway to try things on: settings with random secrets, made once, and lines to paste.

The file is readable by its owner alone and ignored by git. Where other settings are
named, only the secrets they lack come from it.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.cli.demo_user import FRIEND, USER, demo_login, demo_password
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.place import LOCAL_FILE, config_path

if TYPE_CHECKING:
    from holdfast.settings import Settings

SECRET_BYTES = 32
CHANNEL = "news"
TOKEN_SECONDS = 24 * 3600

OPEN_CHANNELS = """
# Open enough to try things: whoever has a token may follow, publish into and look at any channel.
channel:
  without_namespace:
    presence: true
    join_leave: true
    history_size: 100
    history_ttl: 1h
    force_recovery: true
    allow_subscribe_for_client: true
    allow_publish_for_subscriber: true
    allow_presence_for_subscriber: true
    allow_history_for_subscriber: true
"""

TEMPLATE = (
    """\
# Made at the first start with `make run` or `holdfast serve --dev`, for this folder alone.
# Delete it to get new secrets; nothing else knows them.
token:
  hmac_secret: {hmac_secret}
api:
  keys: [{api_key}]
admin:
  token: {admin_token}
"""
    + OPEN_CHANNELS
    + """
# Carries the history over a restart.
broker:
  snapshot_path: {snapshot}
"""
)


def ensure_local_file(path: Path = LOCAL_FILE) -> bool:
    """Make the file with new secrets unless it is there; tell whether it was made.

    Raises:
        CliError: the folder cannot be written to.
    """
    text = TEMPLATE.format(
        hmac_secret=secrets.token_urlsafe(SECRET_BYTES),
        api_key=secrets.token_urlsafe(SECRET_BYTES),
        admin_token=secrets.token_urlsafe(SECRET_BYTES),
        snapshot=path.parent / "history.snapshot",
    )
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        # O_EXCL: of two first starts at once one makes the file and both use it.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise CliError(
            f"cannot write {path}: {error.strerror}.\n  Start in a folder you may write to, or name settings of your"
            " own with --config.",
            Exit.USAGE,
        ) from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return True


def dev_settings(option: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any]) -> Settings:
    """Return the settings for trying things, secrets made where none are configured.

    Raises:
        ConfigError: with every fault.
    """
    from holdfast.settings_load import load_settings

    ensure_local_file()
    path = config_path(option, environ)
    loaded = load_settings(path, environ, overrides)
    # Settings of before there was a login have none either.
    given = demo_login(loaded)
    lacking = [] if path == LOCAL_FILE else _lacking(loaded)
    if lacking:
        local = load_settings(LOCAL_FILE, {})
        found = {
            "token.hmac_secret": local.token.hmac_secret.get_secret_value(),
            "api.keys": [key.get_secret_value() for key in local.api.keys],
        }
        given |= {key: found[key] for key in lacking}
    return load_settings(path, environ, {**overrides, **given}) if given else loaded


def _lacking(loaded: Settings) -> list[str]:
    token = loaded.token
    has_key = token.hmac_secret.get_secret_value() or token.public_keys or token.jwks.url
    return ([] if has_key else ["token.hmac_secret"]) + ([] if loaded.api.keys else ["api.keys"])


def lines_to_paste(loaded: Settings, base_url: str) -> str:
    """Return a token, a line that follows a channel and one that publishes into it, for the gateway at `base_url`."""
    from holdfast.cli.place import place_of

    command, token = shlex.quote(own_path()), demo_token(loaded)
    api = place_of(loaded).internal if loaded.internal_port else base_url
    # Settings of one's own may open other channels; a refusal right after the start would puzzle.
    is_open = loaded.channel.without_namespace.allow_subscribe_for_client
    channel = CHANNEL if is_open else "CHANNEL"
    follow = f'the channel "{CHANNEL}"' if is_open else "a channel that your settings open (put it for CHANNEL)"
    body = json.dumps({"channel": channel, "data": {"text": "hello"}})
    key = loaded.api.keys[0].get_secret_value() if loaded.api.keys else ""
    return f"""
Holdfast is listening on {base_url}
{_demo_lines(loaded, base_url)}
A token of the user "{USER}", good for a day:
  {token or "none: no HMAC secret is configured, so issue one with your own key"}

Follow {follow}, in another terminal:
  {command} subscribe {channel} --url {base_url}{f" --token {token}" if token else ""}

Publish into it, in a third one:
  curl -sS -H {shlex.quote(f"X-API-Key: {key}")} --data {shlex.quote(body)} {api}/api/publish

Ask what happened to a user or an attempt:
  cd {shlex.quote(str(Path.cwd()))} && {command} explain {USER}

Ctrl-C stops the gateway.
"""


def demo_token(loaded: Settings) -> str:
    """Return a token of the demo's user, "" where the settings cannot make one."""
    from holdfast.auth.issuer import TokenIssuer

    if not loaded.token.hmac_secret.get_secret_value():
        return ""
    return TokenIssuer(loaded.token).create_connection(USER, ttl_seconds=TOKEN_SECONDS)


def _demo_lines(loaded: Settings, base_url: str) -> str:
    password = demo_password(loaded)
    return f"\nDemo: {base_url}/demo  Log in as {USER} or {FRIEND} with the password {password}\n" if password else ""


def own_path() -> str:
    """Return the absolute path of `holdfast`, so that the line works in whatever folder it is pasted."""
    for own in (Path(sys.argv[0]).absolute(), Path(sys.executable).parent / "holdfast"):
        if own.name == "holdfast" and own.exists():
            return str(own)
    return "holdfast"
