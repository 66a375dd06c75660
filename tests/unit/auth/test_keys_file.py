from __future__ import annotations

import stat
from pathlib import Path

import pytest

from holdfast.auth.keys_file import KeyEntry, read_keys_file, write_keys_file

KEYS = [KeyEntry(kid="new", secret="n" * 40), KeyEntry(kid="old", secret="o" * 40, valid_until="2030-01-01T00:00:00Z")]


def test_written_and_read(tmp_path: Path) -> None:
    """What was written comes back; a new file is its owner's alone, a former one keeps its mode."""
    file = tmp_path / "keys.json"
    write_keys_file(file, KEYS)
    assert read_keys_file(file) == KEYS
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    file.chmod(0o640)
    write_keys_file(file, KEYS[:1])
    assert read_keys_file(file) == KEYS[:1]
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"keys": {}}',
        '{"keys": [{"kid": "a", "secret": 7}]}',
        '{"keys": [{"kid": "", "secret": "hidden"}]}',
        '{"keys": [{"kid": "a", "secret": "hidden"}, {"kid": "a", "secret": "hidden"}]}',
        '{"keys": [{"kid": "a", "secret": "hidden", "color": "hidden"}]}',
        '{"keys": []}' + " " * 1024 * 1024,
    ],
)
def test_bad_file_is_refused_without_its_secrets(tmp_path: Path, text: str) -> None:
    """The text names the file."""
    file = tmp_path / "keys.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"keys\.json") as raised:
        read_keys_file(file)

    assert "hidden" not in str(raised.value)


def test_entry_hides_its_secret() -> None:
    """Wherever it is printed."""
    assert "nnn" not in repr(KEYS[0])
