"""`holdfast user`: the accounts of the gateway's own login."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag, columns, note, result, result_json
from holdfast.cli.place import AdminTokenOption, ConfigOption, UrlOption, settings

if TYPE_CHECKING:
    from holdfast.auth.passwords import Passwords
    from holdfast.auth.users import User, Users

SESSIONS_PATH = "/admin/sessions"

app = typer.Typer(name="user", help="The accounts of the gateway's own login.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The name to log in with; neither case nor blanks around it count.")]
GenerateOption = Annotated[bool, typer.Option("--generate", help="Make a password and print it.")]
StdinOption = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


class _Desk(NamedTuple):
    users: Users
    passwords: Passwords


@app.command("add")
def add(
    name: NameArgument,
    user_id: Annotated[str, typer.Option("--id", help="What tokens call the user; the name if not given.")] = "",
    generate: GenerateOption = False,
    password_stdin: StdinOption = False,
    config: ConfigOption = None,
) -> None:
    """Make an account; its password is asked for, read from standard input or made."""
    from holdfast.auth.users import LONGEST_NAME, UserExistsError, name_fault

    if fault := name_fault(name):
        raise CliError(f"NAME: {fault}", Exit.USAGE)
    if len(user_id) > LONGEST_NAME or not user_id.isprintable():
        raise CliError(f"--id: expected at most {LONGEST_NAME} characters that can be printed", Exit.USAGE)
    with _desk(config) as (users, passwords):
        if users.by_name(name) is not None:
            raise CliError(
                f"there is a user {name!r} already; `holdfast user password` gives another one", Exit.REFUSED
            )
        password = _password(passwords, generate=generate, from_stdin=password_stdin)
        try:
            added = users.add(name, passwords.hash(password), user_id)
        except UserExistsError:
            raise CliError(f"there is a user of that name or id already: {user_id or name!r}", Exit.REFUSED) from None
    if generate:
        result(password)
    note(f"Added {added.name}, whom tokens call {added.id!r}.")


@app.command("list")
def list_users(config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """List the accounts."""
    with _desk(config) as (users, _):
        found = users.all()
    if as_json:
        rows = [
            {"name": one.name, "id": one.id, "is_disabled": one.is_disabled, "created_at": one.created_at}
            for one in found
        ]
        result_json(rows)
        return
    table = [(one.name, one.id, "disabled" if one.is_disabled else "", _moment(one.created_at)) for one in found]
    result(columns(table, ("NAME", "ID", "STATE", "SINCE")) if table else "There are no users.")


@app.command("disable")
def disable(
    name: NameArgument,
    reason: Annotated[str, typer.Option("--reason", help="For those who list revocations.")] = "disabled",
    url: UrlOption = "",
    admin_token: AdminTokenOption = "",
    config: ConfigOption = None,
) -> None:
    """Close an account, and end its sessions and connections."""
    with _desk(config) as (users, _):
        user = _known(users, name)
        users.set_disabled(user.id, True)
    note(f"{user.name} can no longer log in.")
    _end_sessions(user, reason, config, url, admin_token)


@app.command("enable")
def enable(name: NameArgument, config: ConfigOption = None) -> None:
    """Open an account again; its sessions stay ended."""
    with _desk(config) as (users, _):
        user = _known(users, name)
        users.set_disabled(user.id, False)
    note(f"{user.name} can log in.")


@app.command("password")
def password(
    name: NameArgument,
    generate: GenerateOption = False,
    password_stdin: StdinOption = False,
    url: UrlOption = "",
    admin_token: AdminTokenOption = "",
    config: ConfigOption = None,
) -> None:
    """Give an account another password, and end its sessions and connections."""
    with _desk(config) as (users, passwords):
        user = _known(users, name)
        chosen = _password(passwords, generate=generate, from_stdin=password_stdin)
        users.set_password(user.id, passwords.hash(chosen))
    if generate:
        result(chosen)
    note(f"{user.name} has another password.")
    _end_sessions(user, "password changed", config, url, admin_token)


@contextmanager
def _desk(config: Path | None) -> Iterator[_Desk]:
    """Open the database of users.

    Raises:
        CliError: the settings name none.
        ConfigError: it cannot be used.
    """
    from holdfast.auth.passwords import Passwords
    from holdfast.auth.users import Users
    from holdfast.cli.demo_user import demo_login
    from holdfast.cli.place import LOCAL_FILE, config_path

    loaded = settings(config)
    if config_path(config, os.environ) == LOCAL_FILE:
        loaded = settings(config, demo_login(loaded))
    auth = loaded.auth
    if auth.users_path is None and not auth.users_url.get_secret_value():
        raise CliError("the settings name no database of users: set auth.users_path or auth.users_url", Exit.USAGE)
    users = Users(auth)
    try:
        yield _Desk(users, Passwords(auth.password))
    finally:
        users.close()


def _known(users: Users, name: str) -> User:
    user = users.by_name(name)
    if user is None:
        raise CliError(f"there is no user {name!r}; `holdfast user list` shows them", Exit.REFUSED)
    return user


def _password(passwords: Passwords, *, generate: bool, from_stdin: bool) -> str:
    """Return a password that can be taken, never from where a list of processes shows it."""
    from holdfast.auth.passwords import generated

    if generate and from_stdin:
        raise CliError("expected one of --generate and --password-stdin", Exit.USAGE)
    if generate:
        return generated()
    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        given = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        raise CliError("there is nobody to ask for a password: --password-stdin, or --generate", Exit.USAGE)
    if fault := passwords.fault(given):
        raise CliError(f"this password cannot be taken: {fault}", Exit.USAGE)
    return given


def _end_sessions(user: User, reason: str, config: Path | None, url: str, admin_token: str) -> None:
    """Let the running gateway end what lives; what it cannot be told ends by itself within the life of a token."""
    from holdfast.cli.admin_client import order
    from holdfast.cli.place import admin_place

    loaded = settings(config)
    try:
        done = order(admin_place(config, url, admin_token), SESSIONS_PATH, {"user": user.id, "reason": reason})
    except CliError as error:
        note(f"The gateway could not be told: {error}")
        note(
            "Sessions end at their next refresh all the same, and connections with their token: "
            f"within {loaded.auth.access_ttl + loaded.client.expired_close_delay:g} s."
        )
        raise typer.Exit(Exit.FOUND) from None
    note(f"Ended {done['sessions']} session(s), closed {done['disconnected']} connection(s).")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
