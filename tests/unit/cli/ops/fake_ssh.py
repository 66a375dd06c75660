"""An `ssh` program that notes what it was given and says what a test wants; nothing leaves the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Words and input are noted, one call after the other; answers are taken from files 1, 2, ... and the last one stays.
_PROGRAM = """\
#!/bin/sh
folder=$(dirname "$0")
number=$(($(cat "$folder/calls" 2>/dev/null || echo 0) + 1)); echo $number > "$folder/calls"
for word; do printf '%s\\0' "$word"; done > "$folder/words.$number"
cat > "$folder/input.$number"
while [ ! -e "$folder/answer.$number" ] && [ "$number" -gt 0 ]; do number=$((number - 1)); done
. "$folder/answer.$number"
"""


class FakeSsh:
    """The program, in a folder at the head of PATH."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._answers = 0
        program = folder / "ssh"
        program.write_text(_PROGRAM)
        program.chmod(0o755)
        (folder / "answer.0").write_text("exit 0\n")

    def answers(self, *scripts: str) -> None:
        """Let the next calls run a line of shell each; the last one is for all that follow."""
        for script in scripts:
            self._answers += 1
            (self._folder / f"answer.{self._answers}").write_text(script + "\n")

    @property
    def calls(self) -> list[list[str]]:
        """The words of each call."""
        count = int((self._folder / "calls").read_text()) if (self._folder / "calls").exists() else 0
        return [(self._folder / f"words.{number}").read_text().split("\0")[:-1] for number in range(1, count + 1)]

    @property
    def commands(self) -> list[str]:
        """What each call ran over there."""
        return [words[-1] for words in self.calls]

    def given(self, call: int) -> bytes:
        """Return the standard input of a call."""
        return (self._folder / f"input.{call}").read_bytes()


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSsh:
    """Put the program before the real one."""
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return FakeSsh(folder)
