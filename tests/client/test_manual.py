"""docs/client.md tells the options and events that the client has."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.parts import ROOT, require

HERE = Path(__file__).parent
MANUAL = ROOT / "docs" / "client.md"
OPTIONS = "../../app/holdfast/web/client/options.js"


def defaults() -> dict[str, Any]:
    """Return the defaults that the client has."""
    require("node")
    script = f"import('{OPTIONS}').then(({{ DEFAULTS }}) => console.log(JSON.stringify(DEFAULTS)))"
    done = subprocess.run(["node", "-e", script], cwd=HERE, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def told() -> dict[str, str]:
    """Return what the table of options says, by option."""
    section = MANUAL.read_text().partition("\n## Options\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in section.splitlines() if line.startswith("| `")]
    found: dict[str, str] = {}
    for names, values in rows:
        options = re.findall(r"`(\w+)`", names)
        each = values.split(", ") if len(options) > 1 else [values]
        found.update(zip(options, each, strict=True))
    return found


def test_options_are_told_with_their_defaults() -> None:
    """Each option that has a default stands in the manual with it."""
    said = told()

    for name, value in defaults().items():
        expected = ", ".join(f"`{one}`" for one in value) if isinstance(value, list) else str(value)
        assert said.get(name, "").replace("`", "") == expected.replace("`", ""), name
