"""Write what comes from the code: pages of docs/, tables of the browser client, files of profiles/, helm/ and docker/.

Exit codes: 0 written, 1 with `--check` when a page is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
CLIENT = ROOT / "app" / "holdfast" / "web" / "client"


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


def _host_tuning() -> str:
    from holdfast.profile import load, render

    profile = load("production")
    return render("docs", profile, profile.intents.reference.facts())


def _capacity() -> str:
    from holdfast.profile import load
    from holdfast.profile.render.capacity import filled

    return filled(_text(DOCS / "capacity.md"), load)


def _of_profile(target: str) -> str:
    from holdfast.profile import load, render
    from holdfast.profile.render.compose import one_machine

    profile = load("production")
    wanted = one_machine(profile) if target == "redis" else profile
    return render(target, wanted, profile.intents.reference.facts())


def _profile_schema() -> str:
    from holdfast.profile.schema import schema_text

    return schema_text()


def _chart_schema() -> str:
    from chart.schema import schema_text

    return schema_text()


def _chart_readme() -> str:
    from chart.readme import render_readme

    return render_readme()


def _codes_js() -> str:
    from holdfast.codes_browser import render_codes_js

    return render_codes_js()


def _codes_rest_js() -> str:
    from holdfast.codes_browser import render_codes_rest_js

    return render_codes_rest_js()


def _texts_js() -> str:
    from holdfast.codes_browser import render_texts_js

    return render_texts_js()


PAGES: dict[str, Callable[[], str]] = {
    "capacity.md": _capacity,
    "configuration.md": _configuration,
    "errors.md": _errors,
    "faults.md": _faults,
    "host-tuning.md": _host_tuning,
    "idle-limits.md": _limits,
    "metrics.md": _metrics,
}
SCRIPTS: dict[str, Callable[[], str]] = {
    "codes-rest.js": _codes_rest_js,
    "codes.js": _codes_js,
    "texts.js": _texts_js,
}
# Every generated file, with what it should hold.
GENERATED = {DOCS / name: render for name, render in PAGES.items()} | {
    CLIENT / name: render for name, render in SCRIPTS.items()
}
GENERATED[ROOT / "profiles" / "profile.schema.json"] = _profile_schema
GENERATED[ROOT / "helm" / "holdfast" / "values.schema.json"] = _chart_schema
GENERATED[ROOT / "helm" / "holdfast" / "README.md"] = _chart_readme
for _name, _target in {
    "compose.yaml": "compose",
    "haproxy.cfg": "compose-haproxy",
    "holdfast.yaml": "gateway",
    "redis.conf": "redis",
}.items():
    GENERATED[ROOT / "docker" / _name] = partial(_of_profile, _target)


def main(arguments: list[str]) -> int:
    """Write each file, or only compare them."""
    stale = [path for path, render in GENERATED.items() if _text(path) != render()]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run `make docs`")
        return 1 if stale else 0
    for path in stale:
        path.write_text(GENERATED[path](), encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
