"""Write the pages of docs/ that are generated from the code.

Exit codes: 0 written, 1 with `--check` when a page is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def _errors() -> str:
    from holdfast.codes_docs import render_codes_docs

    return render_codes_docs()


def _configuration() -> str:
    from holdfast.settings_docs import render_settings_docs

    return render_settings_docs()


def _faults() -> str:
    sys.path.insert(0, str(ROOT))  # of what is proven the tests know
    from tests.faults.faults import render_faults_docs

    return render_faults_docs()


def _metrics() -> str:
    from holdfast.telemetry.metrics import render_metrics_docs

    return render_metrics_docs()


def _limits() -> str:
    from holdfast.diagnostics.idle_limits import render_limits_docs

    return render_limits_docs()


PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": _configuration,
    "errors.md": _errors,
    "faults.md": _faults,
    "idle-limits.md": _limits,
    "metrics.md": _metrics,
}


def main(arguments: list[str]) -> int:
    """Write each page, or only compare them."""
    stale = [name for name, render in PAGES.items() if _text(DOCS / name) != render()]
    if "--check" in arguments:
        for name in stale:
            print(f"docs/{name} is stale: run `make docs`")
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote docs/{name}")
    return 0


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
