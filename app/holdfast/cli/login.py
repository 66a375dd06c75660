"""`--login`, the same for every command that takes it: where to log in, as whom, and the password that nobody sees."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.failure import CliError, Exit

if TYPE_CHECKING:
    from holdfast.diagnostics.login import Login

USERNAME_VARIABLE = "LOGIN_USERNAME"
PASSWORD_VARIABLE = "LOGIN_PASSWORD"  # noqa: S105 - the name of a variable

LoginOption = Annotated[
    str,
    typer.Option("--login", metavar="URL", help="Fetch the token here: POST {username, password}.", show_default=False),
]
UserOption = Annotated[
    str,
    typer.Option("--user", help=f"Whom to log in as; else {USERNAME_VARIABLE}, or asked.", show_default=False),
]
PasswordStdinOption = Annotated[
    bool,
    typer.Option(
        "--password-stdin", help=f"Read the password from standard input; else {PASSWORD_VARIABLE}, or asked."
    ),
]


def login_of(url: str, user: str, *, password_stdin: bool) -> Login | None:
    """Return what the options and variables mean, None without `--login`; asks at a terminal for what is missing.

    Raises:
        CliError: the URL is none, or there is nobody to ask.
    """
    from holdfast.diagnostics.login import Login, is_login_url
    from holdfast.diagnostics.typed_url import completed

    if not url:
        return None
    url = completed(url, "https", "http")
    if not is_login_url(url):
        raise CliError("--login: expected a URL such as https://example.org/auth/login", Exit.USAGE)
    user = user or os.environ.get(USERNAME_VARIABLE) or _asked("User name", f"--user, or {USERNAME_VARIABLE}")
    return Login(url, user, _password(from_stdin=password_stdin))


def _password(*, from_stdin: bool) -> str:
    """Return the password, from where no list of processes shows it."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    given = os.environ.get(PASSWORD_VARIABLE)
    if given is not None:
        return given
    return _asked("Password", f"--password-stdin, or {PASSWORD_VARIABLE}", is_hidden=True)


def _asked(what: str, otherwise: str, *, is_hidden: bool = False) -> str:
    if not sys.stdin.isatty():
        raise CliError(f"--login needs a {what.lower()}: {otherwise} in the environment", Exit.USAGE)
    return str(typer.prompt(what, hide_input=is_hidden, err=True))
