"""Reads the runbooks: their front matter, headings, and the blocks that somebody pastes into a shell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "runbooks"
READ_ONLY = "sh safe=read-only"
KINDS = ("sh setup", READ_ONLY, "sh safe=no")
_BLOCK = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FRONT = re.compile(r"\A---\n(?P<front>.*?)\n---\n", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: what stands behind its opening fence, and its text."""

    kind: str
    text: str


@dataclass(frozen=True)
class Runbook:
    """One file of runbooks/."""

    path: Path

    @property
    def name(self) -> str:
        """The name by which the table of causes calls it."""
        return self.path.stem

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    @property
    def front(self) -> dict[str, str]:
        """The front matter."""
        match = _FRONT.match(self.text)
        lines = match["front"].splitlines() if match else []
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    @property
    def is_for_hosts(self) -> bool:
        """Whether it is followed where a fleet is deployed from, and not on the machine of a gateway."""
        return self.front.get("where") == "hosts"

    @property
    def is_for_clusters(self) -> bool:
        """Whether it is followed beside a Kubernetes cluster."""
        return self.front.get("where") == "cluster"

    @property
    def blocks(self) -> list[Block]:
        """Every fenced block, in order."""
        return [Block(match["kind"], match["text"]) for match in _BLOCK.finditer(self.text)]

    @property
    def prose(self) -> str:
        """What is in no block."""
        return _BLOCK.sub("", self.text)

    def headings(self, level: int) -> list[str]:
        """Return the headings of a level, in order."""
        return re.findall(rf"^{'#' * level} (.+)$", self.prose, re.MULTILINE)

    def section(self, heading: str) -> str:
        """Return the text below a heading of the second level."""
        return self.text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]

    def lines(self, *kinds: str) -> Iterator[str]:
        """Yield each command line of the shell blocks of these kinds."""
        for block in self.blocks:
            if block.kind in kinds:
                yield from (line for line in block.text.splitlines() if line.strip())


RUNBOOKS = tuple(Runbook(path) for path in sorted(FOLDER.glob("*.md")) if path.name != "README.md")
