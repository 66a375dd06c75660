"""Tests of holdfast.diagnostics.bundle."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import tarfile
from pathlib import Path

import pytest

from holdfast.diagnostics.bundle import MAX_PART_BYTES, Bundle, Scrubber

SECRET = 'a "quoted" secret/with ümlaut'
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "text",
    [
        f"x {SECRET} y",
        json.dumps({"a": SECRET}),
        json.dumps({"a": SECRET}, ensure_ascii=False),
        "https://h/?key=a+%22quoted%22+secret%2Fwith+%C3%BCmlaut",
        "https://h/?k=a%20%22quoted%22%20secret%2Fwith%20%C3%BCmlaut",
    ],
)
def test_scrubber_hides_each_spelling(text: str) -> None:
    """As it is, in JSON and in URLs."""
    found = Scrubber([SECRET]).text(text)

    assert "quoted" not in found
    assert "********" in found


def test_scrubber_hides_what_looks_like_a_secret() -> None:
    """Tokens and keys that nobody told it of."""
    found = Scrubber([]).text(f"?token=abc&x=1 Bearer abcdefgh {TOKEN} https://u:p@h/")

    assert not any(part in found for part in ("abc", "eyJzd", "u:p@"))


def test_scrubber_leaves_words_with_short_secrets_alone() -> None:
    """A secret of a few letters is hidden where it stands alone."""
    assert Scrubber(["key", ""]).text("key monkey 'key' keys") == "******** monkey '********' keys"


def bundle() -> Bundle:
    """Make one with a secret in every place."""
    made = Bundle([SECRET], {"about": SECRET})
    made.add_text("a.txt", f"{SECRET} {TOKEN}")
    made.add_json("b/c.json", {SECRET: [SECRET, Path("x")]})
    made.miss("d.txt", f"no {SECRET}")
    return made


def test_bundle_has_no_secret_and_a_true_manifest(tmp_path: Path) -> None:
    """Each file with size and hash, and what is missing with its reason."""
    path = tmp_path / "b.tar.gz"
    size = bundle().write(path, "folder", 1_700_000_000.0)
    with tarfile.open(path) as archive:
        found = {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]  # files alone
        modes = {entry.mode for entry in archive}
    manifest = json.loads(found.pop("folder/manifest.json"))

    assert path.stat().st_size == size
    assert set(found) == {"folder/a.txt", "folder/b/c.json"}
    assert manifest["files"]["a.txt"]["sha256"] == hashlib.sha256(found["folder/a.txt"]).hexdigest()
    assert manifest["missing"] == {"d.txt": "no ********"}
    assert modes == {0o600}
    everything = b"".join(found.values()).decode() + json.dumps(manifest)
    assert "quoted" not in everything
    assert TOKEN not in everything


def test_bundle_is_its_owners_alone(tmp_path: Path) -> None:
    """Nobody else may read it, and nothing that is there is written over."""
    path = tmp_path / "b.tar.gz"
    bundle().write(path, "folder", 0.0)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        bundle().write(path, "folder", 0.0)


def test_bundle_keeps_the_end_of_what_is_long(tmp_path: Path) -> None:
    """Of a log the last lines matter."""
    made = Bundle([], {})
    made.add_text("log.txt", "a" * MAX_PART_BYTES + "the end")
    made.write(tmp_path / "b.tar.gz", "f", 0.0)

    with tarfile.open(fileobj=io.BytesIO((tmp_path / "b.tar.gz").read_bytes())) as archive:
        entry = archive.getmember("f/log.txt")
        assert entry.size == MAX_PART_BYTES
        assert archive.extractfile(entry).read().endswith(b"the end")  # type: ignore[union-attr]  # it is a file


def test_bundle_cuts_no_secret_in_two(tmp_path: Path) -> None:
    """Half a secret would not be known any more."""
    made = Bundle(["first-half-second-half"], {})
    made.add_text("log.txt", "first-half-second-half" + "a" * (MAX_PART_BYTES - len("second-half")))
    made.write(tmp_path / "b.tar.gz", "f", 0.0)

    with tarfile.open(tmp_path / "b.tar.gz") as archive:
        assert b"second" not in archive.extractfile("f/log.txt").read()  # type: ignore[union-attr]  # it is a file
