"""The login of `make run`: on, with two users whose password is made once and printed at each start.

The users and the password stand in the folder of the local settings, readable by their owner alone. A password file
that cannot be written is somebody else's, such as a cluster's Secret: it counts, whatever was there before.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.place import LOCAL_FOLDER
from holdfast.settings_auth import SHORTEST_SECRET

if TYPE_CHECKING:
    from holdfast.auth.passwords import Passwords
    from holdfast.auth.users import Users
    from holdfast.settings import Settings

USER: Final = "alice"
FRIEND: Final = "bob"
"""Somebody for `USER` to talk to, with the same password."""
USERS_FILE: Final = LOCAL_FOLDER / "users.sqlite"
PASSWORD_FILE: Final = LOCAL_FOLDER / "demo-password"


def demo_login(loaded: Settings) -> dict[str, Any]:
    """Return the settings of the login for trying things; none where the settings say anything about it themselves."""
    token = loaded.token
    length = len(token.hmac_secret.get_secret_value().encode())
    is_signed_elsewhere = not length and (token.public_keys or token.jwks.url)
    if "enabled" in loaded.auth.model_fields_set or is_signed_elsewhere or 0 < length < SHORTEST_SECRET:
        return {}
    given = {"auth.enabled": True, "auth.users_path": USERS_FILE, "auth.insecure_loopback": True}
    # There is no crowd here whose return would have to be spread.
    return given if "reconnect_window" in loaded.client.model_fields_set else {**given, "client.reconnect_window": 1.0}


def ensure_demo_user(loaded: Settings) -> None:
    """Make the users with the password of the file, or a new one; whose password was changed has that one alone.

    Raises:
        CliError: the file is somebody else's, and there is no password in it.
        ConfigError: the database's file cannot be used.
    """
    from holdfast.auth.passwords import Passwords, generated
    from holdfast.auth.users import Users

    if not _is_demo(loaded):
        return
    users, passwords = Users(loaded.auth), Passwords(loaded.auth.password)
    try:
        user, password = users.by_name(USER), demo_password(loaded)
        if _is_given():
            _give(users, passwords, password)
        elif user is None:
            password = password or _keep(PASSWORD_FILE, generated())
            users.add(USER, passwords.hash(password))
        elif password and not passwords.verify(password, user.password_hash).is_right:
            PASSWORD_FILE.unlink(missing_ok=True)  # it would be printed, and would not open anything
            password = ""
        if password and users.by_name(FRIEND) is None:
            users.add(FRIEND, passwords.hash(password))
    finally:
        users.close()


def demo_password(loaded: Settings) -> str:
    """Return the demo user's password, "" where the login is not that of `make run`."""
    try:
        return PASSWORD_FILE.read_text(encoding="utf-8").strip() if _is_demo(loaded) else ""
    except OSError:
        return ""


def _is_demo(loaded: Settings) -> bool:
    return loaded.auth.enabled and loaded.auth.users_path == USERS_FILE


def _is_given() -> bool:
    return PASSWORD_FILE.exists() and not os.access(PASSWORD_FILE, os.W_OK)


def _give(users: Users, passwords: Passwords, password: str) -> None:
    """Let the given password open both accounts; sessions stay, as they do in other pods."""
    if not password:
        raise CliError(f"{PASSWORD_FILE}: expected the password of the demo's users, and it is empty.", Exit.USAGE)
    for name in (USER, FRIEND):
        user = users.by_name(name)
        if user is None:
            users.add(name, passwords.hash(password))
        elif not passwords.verify(password, user.password_hash).is_right:
            users.rehash(user.id, user.password_hash, passwords.hash(password))


def _keep(path: Path, password: str) -> str:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{password}\n")
    return password
