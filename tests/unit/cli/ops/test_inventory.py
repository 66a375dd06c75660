"""The instances file."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.inventory import read_inventory

GOOD = """
audit_log: logs/audit.jsonl
instances:
  - {name: a, url: "http://127.0.0.1:1", pid_file: run/a.pid, start: [holdfast, serve]}
  - {name: b, url: "http://127.0.0.1:2", config: /etc/b.yaml}
"""


def test_paths_begin_at_the_folder(tmp_path: Path) -> None:
    """Wherever the script is run."""
    file = tmp_path / "instances.yaml"
    file.write_text(GOOD)
    found = read_inventory(file)

    assert found.audit_log == str(tmp_path / "logs" / "audit.jsonl")
    assert [one.pid_file for one in found.instances] == [str(tmp_path / "run" / "a.pid"), ""]
    assert found.instances[1].config == "/etc/b.yaml"
    assert found.instances[0].start == ["holdfast", "serve"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "object"),
        ("[", "expected"),
        ("instances: []", "at least one"),
        ("instances: [{name: a}]", "url"),
        ("instances: [{name: a, url: x, color: red}]", "a: unknown 'color'"),
        ("color: red\ninstances: [{name: a, url: x}]", "unknown 'color'"),
        ("instances: [{name: a, url: x}, {name: a, url: y}]", "two instances have the name 'a'"),
        ("instances: [{name: a, url: x}, {name: b, url: x/}]", "two instances have the url 'x'"),
        ("instances: [{name: '', url: x}]", "a name for each"),
        ("instances: [{name: a, url: x, stop: [true]}]", "str"),
        ("instances: [{name: a, url: x, stop: [stop]}]", "`stop` without `start`"),
        ("!!python/object/apply:os.system ['true']", "python"),
    ],
)
def test_bad_file_is_refused(tmp_path: Path, text: str, what: str) -> None:
    """With what was expected, as bad usage."""
    file = tmp_path / "instances.yaml"
    file.write_text(text)
    with pytest.raises(CliError, match="--instances") as raised:
        read_inventory(file)

    assert raised.value.code == Exit.USAGE
    assert what in str(raised.value)


def test_missing_file(tmp_path: Path) -> None:
    """Is said."""
    with pytest.raises(CliError, match="cannot be read"):
        read_inventory(tmp_path / "none.yaml")
