"""What a host was like before a role changed it: running values and files, byte for byte. Runs on hosts."""

from __future__ import annotations

import base64
import json
import os
import stat
import tempfile

from ansible_collections.holdfast.gateway.plugins.module_utils import kernel_values

EMPTY: dict = {"version": 1, "values": {}, "files": {}, "folders": []}


class SnapshotError(Exception):
    """A snapshot that cannot be read, or a file that cannot be written; the text says which and why."""


def load(path: str) -> dict | None:
    """Return the snapshot, or None where there is none.

    Raises:
        SnapshotError: it is there and no snapshot of ours.
    """
    try:
        with open(path, encoding="utf-8") as handle:
            found = json.load(handle)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SnapshotError(f"{path}: expected a snapshot in JSON, saw {error}; move it away to start anew") from error
    if isinstance(found, dict) and "version" not in found and isinstance(found.get("files"), dict):
        found = {"version": 1, "files": {path: _of_before(photo) for path, photo in found["files"].items()}}
    if not isinstance(found, dict) or found.get("version") != 1:
        raise SnapshotError(f"{path}: expected a snapshot of version 1; move it away to start anew")
    return {**EMPTY, **found}


def _of_before(photo: dict | None) -> dict | None:
    """Return a file as the roles of HAProxy and Redis once kept it, in today's words."""
    if photo is None:
        return None
    return {"content": photo["content"], "mode": photo["mode"], "owner": photo["uid"], "group": photo["gid"]}


def store(path: str, snapshot: dict) -> None:
    """Write a snapshot; only root may read it, as it may hold files that only root may read."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    replace(path, json.dumps(snapshot, indent=1, sort_keys=True).encode(), {"mode": 0o600, "owner": 0, "group": 0})


def replace(path: str, content: bytes, rights: dict) -> None:
    """Write a file so that an interruption leaves the old one or the new one.

    Raises:
        SnapshotError: it cannot be written, for one since the disk is full; the old one is as it was.
    """
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
        with os.fdopen(handle, "wb") as target:
            target.write(content)
            target.flush()
            os.fsync(target.fileno())
        if os.geteuid() == 0:
            os.chown(temporary, rights["owner"], rights["group"])
        os.chmod(temporary, rights["mode"])
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None and os.path.lexists(temporary):
            os.unlink(temporary)
        raise SnapshotError(f"{path}: cannot be written, {error.strerror}; the old file is as it was") from error


def photograph(path: str) -> dict | None:
    """Return bytes, mode and owner of a file, or where a link leads; None where there is nothing."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    if stat.S_ISLNK(status.st_mode):
        return {"link": os.readlink(path)}
    with open(path, "rb") as handle:
        content = base64.b64encode(handle.read()).decode()
    return {
        "content": content, "mode": stat.S_IMODE(status.st_mode), "owner": status.st_uid, "group": status.st_gid,
    }  # fmt: skip


def plain_file(content: str) -> dict:
    """Return what `photograph` sees of a file of root's that everybody may read."""
    return {"content": base64.b64encode(content.encode()).decode(), "mode": 0o644, "owner": 0, "group": 0}


def text_of(photo: dict | None) -> str:
    """Return the content for people to read."""
    return base64.b64decode((photo or {}).get("content", "")).decode(errors="replace")


def extended(old: dict | None, values: list[str], files: list[str]) -> dict:
    """Return a snapshot that also holds these; what is in it already is never taken again."""
    old = old or EMPTY
    new_values = {name: kernel_values.read(name) for name in values if name not in old["values"]}
    new_files = {path: photograph(path) for path in files if path not in old["files"]}
    parents = {os.path.dirname(path) for path in new_files}
    folders = [folder for folder in sorted(parents) if not os.path.isdir(folder)]
    return {
        "version": 1,
        "values": {**new_values, **old["values"]},
        "files": {**new_files, **old["files"]},
        "folders": sorted({*old["folders"], *folders}),
    }


def differing_values(snapshot: dict) -> dict[str, tuple[str | None, str]]:
    """Return for each value that is no longer what it was: what it is and what it was."""
    seen = {name: (kernel_values.read(name), was) for name, was in snapshot["values"].items() if was is not None}
    return {name: pair for name, pair in seen.items() if pair[0] != pair[1]}


def differing_files(snapshot: dict) -> list[str]:
    """Return the files that are no longer what they were."""
    return [path for path, was in snapshot["files"].items() if photograph(path) != was]


def restore_file(path: str, was: dict | None) -> None:
    """Bring a file back as it was, or remove it where there was none."""
    if was is None or "link" in was:
        if os.path.lexists(path):
            os.unlink(path)
        if was is not None:
            os.symlink(was["link"], path)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    replace(path, base64.b64decode(was["content"]), was)


def forget(path: str, snapshot: dict) -> None:
    """Remove a snapshot that has been restored, and folders that are empty and were not there before."""
    os.unlink(path)
    own = os.path.dirname(path)
    for folder in [*reversed(snapshot["folders"]), own, os.path.dirname(own)]:
        try:
            os.rmdir(folder)
        except OSError:
            # Somebody else's files are in it: it stays, and so does what is above it.
            continue
