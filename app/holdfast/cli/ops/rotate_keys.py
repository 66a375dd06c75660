"""Change the key that tokens are signed with: the new one counts at once, former ones for a while; nobody leaves."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.fleet import Member
from holdfast.cli.ops.rails import Rails, script
from holdfast.cli.ops.ssh import SshHost

if TYPE_CHECKING:
    from holdfast.auth.keys_file import KeyEntry

PATH = "/admin/keys"
_BYTES = 48
_SHORTEST = 32
_RELOAD_SECONDS = 30.0
# Late tokens of a key that is over are told to be renewed; those of a key that nobody knows may count as forged.
_REMEMBERED_SECONDS = 30 * 86400.0


@script()
def rotate_keys(
    rails: Rails,
    kid: Annotated[str, typer.Argument(help="Id of the new key, which tokens name in their header, such as 2027-01.")],
    overlap: Annotated[
        float, typer.Option("--overlap", min=0, help="Seconds for which former keys of the file stay valid.")
    ] = 86400.0,
    secret_file: Annotated[
        Path | None, typer.Option("--secret-file", help="File with the new secret, else one is made.")
    ] = None,
    first: Annotated[
        bool, typer.Option("--first", help="Only let the new key count; the former ones stay without an end.")
    ] = False,
) -> None:
    """Put a new key into each instance's `keys_file`, give the former ones an end, and let instances read it (SIGHUP).

    The secret is made, or taken from a file. Sign with it when this has ended with 0: before,
    an instance may not know it. Running it again with the same id changes the ends only.
    """
    files = _files(rails)
    former = {place: _read(place) for place in files.values()}
    _check_same(former)
    known = next(iter(former.values()))
    secret = _secret(kid, known, secret_file)
    keys = list(_rotated(known, kid, secret, time.time(), None if first else overlap))
    rails.facts |= {"kid": kid, "keys": [{"kid": one.kid, "valid_until": one.valid_until} for one in keys]}
    ends = ", ".join(f"{one.kid} {'until ' + one.valid_until if one.valid_until else 'without end'}" for one in keys)
    rails.check_others(rails.fleet.look(), "")
    if not rails.begins(f"let these keys count: {ends}", *(rails.fleet.member(name) for name in files)):
        return
    _write(list(former), keys)
    for name in files:
        _reload(rails, rails.fleet.member(name), keys)
    rails.tell(
        f"All instances accept {kid!r}; sign with it from now on. Its secret is in {', '.join(map(str, former))}."
    )


@dataclass(frozen=True, slots=True)
class _File:
    """A file of keys, on another machine if there is a `host`; members of one machine may share it."""

    path: str
    host: SshHost | None

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        return f"{self.host.name}:{self.path}" if self.host is not None else self.path


def _files(rails: Rails) -> dict[str, _File]:
    """Return each instance's file.

    Raises:
        CliError: one is not said, or there is an instance that the instances file does not know.
    """
    fleet = rails.fleet
    if fleet.cluster is not None:
        raise CliError(
            "pods have their keys from a Secret, which no pod can write: put the new key there, then restart_rolling\n"
            "  docs/recovery.md says how, without a moment in which a token is refused",
            Exit.USAGE,
        )
    if strangers := fleet.strangers():
        raise CliError(
            f"the instances file does not have {', '.join(strangers)}, which would refuse the key", Exit.REFUSED
        )
    found = {name: _File(one.record.keys_file, one.host) for name, one in fleet.members.items() if one.record.keys_file}
    if without := sorted(fleet.members.keys() - found.keys()):
        raise CliError(
            f"the instances file has no `keys_file` for {', '.join(without)}; it is the setting `token.keys_file`",
            Exit.USAGE,
        )
    for member in fleet.members.values():
        if not member.target.is_running():
            raise CliError(
                f"{member.name}: no process is known that would get SIGHUP; see its `pid_file`", Exit.REFUSED
            )
    return found


def _read(file: _File) -> list[KeyEntry]:
    from holdfast.auth.keys_file import parse_keys, read_keys_file

    path = Path(file.path)
    try:
        return read_keys_file(path) if file.host is None else parse_keys(file.host.read(file.path), str(file))
    except FileNotFoundError:
        raise CliError(f'{path} is not there; begin with one that has {{"keys": []}}', Exit.USAGE) from None
    except (OSError, ValueError) as error:
        raise CliError(f"keys_file: {error}", Exit.USAGE) from None


def _check_same(former: dict[_File, list[KeyEntry]]) -> None:
    """Refuse files that differ: a rotation before this one was not finished, and somebody has to say which is right."""
    sets = [{one.kid: one.secret for one in keys} for keys in former.values()]
    if any(one != sets[0] for one in sets):
        raise CliError(
            "the files of the instances have different keys; copy the right one to all, then run this again",
            Exit.REFUSED,
        )


def _secret(kid: str, known: list[KeyEntry], file: Path | None) -> str:
    """Return the secret of the new key: the one that the file has under this id, the one given, or a new one."""
    try:
        given = file.read_text().strip() if file is not None else ""
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"--secret-file: {file} cannot be read: {error}", Exit.USAGE) from None
    if file is not None and len(given.encode()) < _SHORTEST:
        raise CliError(f"--secret-file: expected at least {_SHORTEST} bytes in {file}", Exit.USAGE)
    there = next((one.secret for one in known if one.kid == kid), "")
    if given and there and given != there:
        raise CliError(f"there is another key with the id {kid!r}; choose another id", Exit.REFUSED)
    return there or given or secrets.token_urlsafe(_BYTES)


def _rotated(known: list[KeyEntry], kid: str, secret: str, now: float, overlap: float | None) -> Iterator[KeyEntry]:
    """Yield the new key and the former ones, each with the sooner of its end and the one of now."""
    from holdfast.auth.configured import parse_moment
    from holdfast.auth.keys_file import KeyEntry

    yield KeyEntry(kid=kid, secret=secret)
    for one in known:
        until = parse_moment(one.valid_until)
        if one.kid == kid or until + _REMEMBERED_SECONDS <= now:
            continue
        if overlap is not None and now + overlap < until:
            moment = datetime.fromtimestamp(now + overlap, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            yield KeyEntry(kid=one.kid, secret=one.secret, valid_until=moment)
        else:
            yield one


def _write(files: list[_File], keys: list[KeyEntry]) -> None:
    from holdfast.auth.keys_file import encode_keys, write_keys_file

    for file in files:
        try:
            if file.host is None:
                write_keys_file(Path(file.path), keys)
            else:
                file.host.replace(file.path, encode_keys(keys))
        except (OSError, CliError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise CliError(f"{file} cannot be written: {why}; the files may differ now", Exit.REFUSED) from None


def _reload(rails: Rails, member: Member, keys: list[KeyEntry]) -> None:
    from holdfast.auth.configured import parse_moment

    wanted = {one.kid: parse_moment(one.valid_until) for one in keys}
    member.target.reload()

    def missing() -> str:
        found: list[dict[str, Any]] = member.ask(PATH)["keys"]
        has = {one["kid"]: one["valid_until"] or math.inf for one in found if one["origin"] == "file"}
        return "" if has == wanted else "it has not read them yet"

    rails.wait(missing, _RELOAD_SECONDS, f"keys of {member.name}")
    rails.tell(f"{member.name} accepts them.")
