"""The file of HMAC secrets that may change while an instance runs: read at the start and after each SIGHUP."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

_LONGEST = 1024 * 1024


class KeyEntry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A secret, the id by which tokens name it, and the ISO 8601 moment after which it is refused, "" for never."""

    kid: str
    secret: str
    valid_until: str = ""

    def __repr__(self) -> str:
        return f"KeyEntry(kid={self.kid!r}, valid_until={self.valid_until!r})"


class KeysFile(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All of them, the newest first."""

    keys: list[KeyEntry] = []


def read_keys_file(path: Path) -> list[KeyEntry]:
    """Return the keys of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it cannot be used; no secret is in the text.
    """
    return parse_keys(path.read_bytes(), str(path))


def parse_keys(raw: bytes, path: str) -> list[KeyEntry]:
    """Return the keys of a file's content; `path` is named in errors.

    Raises:
        ValueError: it cannot be used; no secret is in the text.
    """
    if len(raw) > _LONGEST:
        raise ValueError(f"expected at most {_LONGEST} bytes in {path}")
    try:
        found = msgspec.json.decode(raw, type=KeysFile).keys
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from None
    names = [one.kid for one in found]
    if "" in names or len(set(names)) < len(names):
        raise ValueError(f"{path}: expected a `kid` for each key, no two the same")
    return found


def encode_keys(keys: list[KeyEntry]) -> bytes:
    """Return the content of a file with these keys."""
    return msgspec.json.format(msgspec.json.encode(KeysFile(keys=keys)), indent=1) + b"\n"


def write_keys_file(path: Path, keys: list[KeyEntry]) -> None:
    """Put a file in the place of the former one, whole or not at all; owner, group and mode stay as they are.

    Raises:
        OSError: it cannot be written.
    """
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    former = path.stat() if path.exists() else None
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "wb") as opened:
        opened.write(encode_keys(keys))
        if former is not None:
            os.fchmod(opened.fileno(), former.st_mode & 0o770)
            if os.geteuid() == 0:
                os.fchown(opened.fileno(), former.st_uid, former.st_gid)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(path)
