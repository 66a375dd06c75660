"""The JavaScript of web/ keeps the rules that the Python modules keep, and takes nothing from globals."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from typing import Any

import pytest

from holdfast import __version__
from tests.contract.source import APP, ROOT, project_files
from tests.contract.test_sizes import (
    FUNCTION_AIM,
    FUNCTION_STOP,
    MODULE_AIM,
    MODULE_STOP,
    PARAMETER_AIM,
    PARAMETER_STOP,
    judge,
)
from tests.parts import require

WEB = APP / "web"
CLIENT = WEB / "client"
TESTS = ROOT / "tests" / "client"
UNIT = TESTS / "unit"
SURVEY_SECONDS = 100

# What touches the page by its nature; the rest is given its surroundings, so that tests can give it others.
TOUCHES_THE_PAGE = ("client/environment.js", "client/status/", "demo/")
# The language's own, and what computes without a clock, a network, chance or a page.
PURE = re.compile(
    r"(Abort(Controller|Signal)|Array|BigInt|Blob|Boolean|CustomEvent|DOMException|Error|Event|EventTarget|Infinity|Intl|JSON"
    r"|Map|Math|NaN|Number|Object|Promise|RangeError|ReadableStream|RegExp|Set|String|Symbol|SyntaxError"
    r"|Text(De|En)coder|TypeError|URL|URLSearchParams|Uint8Array|WeakMap|WeakRef|WeakSet|atob|btoa"
    r"|decodeURIComponent|encodeURIComponent|parseFloat|parseInt|queueMicrotask|undefined)(\.\w+)?(\(\))?"
)
# A date that is told its moment; `new Date()` asks the clock, and is spelled so in the survey.
PURE_MEMBERS = {"Date", "Date.parse", "Date.UTC"}
IMPURE_MEMBERS = {"Math.random", "AbortSignal.timeout"}
EFFECT = re.compile(r"^import '(\.[^']+)';", re.MULTILINE)
BEGINNING = re.compile(r"// @ts-check\n/[/*]")


def modules() -> list[str]:
    """Return the paths of the browser's modules, below web/."""
    return [p.relative_to(WEB).as_posix() for p in project_files() if p.suffix == ".js" and p.is_relative_to(WEB)]


@cache
def surveyed() -> dict[str, dict[str, Any]]:
    """Return what tests/client/survey.mjs says of each module, by its path below web/."""
    command = ["node", "survey.mjs", *(str(WEB / name) for name in modules())]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=SURVEY_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return {one["file"].removeprefix(f"{WEB.as_posix()}/"): one for one in json.loads(done.stdout)}


@pytest.fixture(autouse=True)
def _compiler() -> None:
    """The survey needs the compiler, which `make node` installs."""
    require("npm:tests/client")


def functions() -> dict[str, dict[str, Any]]:
    """Return each function by where it is."""
    found = surveyed().items()
    return {f"{name}:{one['line']} {one['name']}": one for name, module in found for one in module["functions"]}


def test_every_module_is_surveyed() -> None:
    """The survey passes over nothing."""
    assert sorted(surveyed()) == modules()


def test_modules_stay_under_the_stop() -> None:
    """No module has more than 400 lines but tables, which have no function; the aim is 300."""
    judge({n: m["lines"] for n, m in surveyed().items() if m["functions"]}, MODULE_AIM, MODULE_STOP)


def test_functions_stay_under_the_stop() -> None:
    """No function body has more than 50 lines; the aim is 25."""
    judge({name: one["size"] for name, one in functions().items()}, FUNCTION_AIM, FUNCTION_STOP)


def test_parameters_stay_under_the_stop() -> None:
    """No function takes more than 8 parameters; the aim is 5, then an object."""
    judge({name: one["parameters"] for name, one in functions().items()}, PARAMETER_AIM, PARAMETER_STOP)


def test_modules_are_checked_and_say_what_they_own() -> None:
    """Each begins with `// @ts-check`, for the compiler, and a comment, for the reader."""
    assert not [name for name, module in surveyed().items() if not BEGINNING.match(module["head"])]


def test_surroundings_are_given() -> None:
    """Clocks, sockets, chance, storage and the page come from the environment, which tests replace."""
    assert not [
        f"{name}:{one['line']} {one['name']}"
        for name, module in surveyed().items()
        if not name.startswith(TOUCHES_THE_PAGE)
        for one in module["globals"]
        if not is_pure(one["name"])
    ]


def is_pure(name: str) -> bool:
    """Tell whether a global, or a member of one, needs no surroundings."""
    return name in PURE_MEMBERS or (PURE.fullmatch(name) is not None and name not in IMPURE_MEMBERS)


def test_nothing_is_written_to_the_console() -> None:
    """What is to be known goes into the log, which support can read; the environment has the last resort."""
    assert not [
        f"{name}:{one['line']}"
        for name, module in surveyed().items()
        for one in module["globals"]
        if one["name"].startswith("console") and name != "client/environment.js"
    ]


def test_client_modules_have_unit_tests() -> None:
    """unit/tokens-check.test.mjs, or unit/check.test.mjs, is there for tokens/check.js.

    Tables need none; what draws on the page is tested where there is one, by tests/browsers/test_status.py.
    """
    there = {path.name.removesuffix(".test.mjs") for path in UNIT.glob("*.test.mjs")}
    missing = [
        name
        for name, module in surveyed().items()
        if name.startswith("client/") and module["functions"]
        if not there.intersection(mirrors(name)) and not draws(name)
    ]

    assert not missing


def draws(name: str) -> bool:
    """Tell whether a module is of the status element and needs a real page."""
    return name.startswith("client/status/") and any(not is_pure(one["name"]) for one in surveyed()[name]["globals"])


def mirrors(name: str) -> set[str]:
    """Return the two names that the unit test of a module may have."""
    whole = name.removeprefix("client/").removesuffix(".js")
    return {whole.replace("/", "-"), whole.rpartition("/")[2]}


def test_package_names_modules_with_effects() -> None:
    """What is imported for its effect alone, or defines an element, is named, or bundlers leave it out."""
    named = {(CLIENT / name).resolve() for name in json.loads((CLIENT / "package.json").read_text())["sideEffects"]}
    effective = set()
    for name, module in surveyed().items():
        path = WEB / name
        effective |= {(path.parent / one).resolve() for one in EFFECT.findall(path.read_text())}
        if any(one["name"].startswith("customElements") for one in module["globals"]):
            effective.add(path.resolve())

    assert not {path.name for path in effective if path.is_relative_to(CLIENT)} - {path.name for path in named}


def test_package_has_the_version_of_the_gateway() -> None:
    """The client that a gateway serves, and the package, are of one release."""
    assert json.loads((CLIENT / "package.json").read_text())["version"] == __version__
