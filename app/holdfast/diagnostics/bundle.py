"""A bundle for a support ticket: one .tar.gz with a manifest, out of which every known secret is taken.

Whoever collects gives texts and data; this module hides secrets in all of them, once, at the door.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

from holdfast.telemetry.redaction import HIDDEN, redact_text

MANIFEST = "manifest.json"
# Of what can be long, such as logs, the end is kept.
MAX_PART_BYTES = 8 * 1024 * 1024
# A secret as short as this may be a part of any word; it is hidden where it stands alone.
_SHORT = 6


class Scrubber:
    """Hides secrets in texts: those that are known in each spelling, and whatever looks like one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {spelling for secret in secrets if secret for spelling in _spellings(secret)}
        patterns = [
            re.escape(one) if len(one) >= _SHORT else rf"(?<!\w){re.escape(one)}(?!\w)"
            for one in sorted(spellings, key=len, reverse=True)
        ]
        self._known = re.compile("|".join(patterns)) if patterns else None

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        return redact_text(text)


class Part(NamedTuple):
    """One file of the bundle."""

    name: str
    content: bytes


class Bundle:
    """Takes parts, and says of those that cannot be had why.

    Args:
        secrets: what must not be in it.
        about: facts for the manifest.
    """

    def __init__(self, secrets: Iterable[str], about: dict[str, Any]) -> None:
        self._scrubber = Scrubber(secrets)
        self._about = about
        self._parts: list[Part] = []
        self.missing: dict[str, str] = {}

    # Public methods.

    def add_text(self, name: str, text: str) -> None:
        """Add a text; of a very long one the end."""
        # Cut afterwards: half a secret would not be known.
        content = self._scrubber.text(text).encode("utf-8", "replace")[-MAX_PART_BYTES:]
        self._parts.append(Part(name, content))

    def add_json(self, name: str, data: object) -> None:
        """Add data."""
        self.add_text(name, json.dumps(data, indent=1, ensure_ascii=False, default=str))

    def miss(self, name: str, reason: str) -> None:
        """Say why a part is not there."""
        self.missing[name] = self._scrubber.text(reason)

    def manifest(self) -> dict[str, Any]:
        """Return what is in it, and what is not."""
        files = {
            part.name: {"bytes": len(part.content), "sha256": hashlib.sha256(part.content).hexdigest()}
            for part in self._parts
        }
        return {**self._about, "files": files, "missing": dict(self.missing)}

    def write(self, path: Path, folder: str, now: float) -> int:
        """Write it, readable by its owner alone; return its size.

        Raises:
            OSError: the file is there already, or cannot be written.
        """
        manifest = self._scrubber.text(json.dumps(self.manifest(), indent=1, ensure_ascii=False))
        parts = [Part(MANIFEST, manifest.encode("utf-8", "replace")), *self._parts]
        packed = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", mtime=now) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for part in parts:
                archive.addfile(_entry(f"{folder}/{part.name}", len(part.content), now), io.BytesIO(part.content))
        # O_EXCL: never over a file, or through a link, that is there.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            return file.write(packed.getvalue())


def _entry(name: str, size: int, now: float) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o600, int(now)
    return entry


def _spellings(secret: str) -> set[str]:
    """Return a secret as it is, and as it reads in JSON and in URLs."""
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret.encode("utf-8", "replace"), safe=""),
        quote_plus(secret.encode("utf-8", "replace")),
    }
