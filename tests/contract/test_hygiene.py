"""What no file of the project may hold."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from holdfast import __version__
from tests.contract.source import ROOT, app_modules, imports_of, text_files, tree_of

THIS = "tests/contract/test_hygiene.py"
# Folders of one machine; a path of that kind works for nobody else.
MACHINE_PATHS = re.compile(r"(?<![\w.$)}-])/(?:work|root|home/[a-z]\w*|Users/\w+|tmp/(?!\{))(?=/|\w)[\w./-]*")
REGISTRIES = re.compile(r"registry\.npmjs\.org|registry\.yarnpkg\.com|files\.pythonhosted\.org|pypi\.org/simple")
INDEX_OPTIONS = re.compile(r"^\s*--(?:extra-)?index-url|^\s*--find-links|\"resolved\":", re.MULTILINE)
# A suppression names its rule and says why it is right here.
NOQA = re.compile(r"#\s*(?:ruff:\s*)?noqa(?P<rest>.*)")
NOQA_WITH_REASON = re.compile(r":\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*\s*[-–:#].{4,}")
TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore(?P<rest>.*)")
TYPE_IGNORE_WITH_REASON = re.compile(r"\[[a-z-]+(?:,\s*[a-z-]+)*\]\s*#.{4,}")
LEFTOVERS = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
IMPORTED_AS = {
    "argon2-cffi": "argon2",
    "google-re2": "re2",
    "prometheus-client": "prometheus_client",
    "protobuf": "google",
    "pyjwt": "jwt",
    "pyyaml": "yaml",
}
# Parts of pydantic in packages of their own, always at the version that pydantic needs.
COMES_ALONG = {"pydantic_core", "annotated_types", "hiredis"}
PRAISE = re.compile(r"^class ((?:Improved|Enhanced)\w*)", re.MULTILINE)


def offences(pattern: re.Pattern[str], *suffixes: str) -> list[str]:
    """Return `file:line: text` of each match in the project's files (all, or those with a suffix)."""
    return [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match.group(0).strip()}"
        for name, text in text_files()
        if name != THIS and (not suffixes or name.endswith(suffixes))
        for match in pattern.finditer(text)
    ]


def test_files_name_no_machine_path():
    """Nothing points into a folder that only one machine has."""
    assert not offences(MACHINE_PATHS)


def test_lists_name_no_registry():
    """Locked lists leave to the machine where packages come from."""
    assert not offences(REGISTRIES) + offences(INDEX_OPTIONS, ".txt", ".in", ".json", ".toml", ".cfg")


def test_suppressions_give_their_reason():
    """`noqa` and `type: ignore` name the rule and say on the same line why it does not apply."""
    bare = []
    for mark, sound in ((NOQA, NOQA_WITH_REASON), (TYPE_IGNORE, TYPE_IGNORE_WITH_REASON)):
        for name, text in text_files():
            if name.endswith(".py") and name != THIS:
                bare += [f"{name}: {m.group(0)}" for m in mark.finditer(text) if not sound.match(m.group("rest"))]

    assert not bare


def test_code_has_no_leftovers():
    """What is to be done is tracked elsewhere; code says what is."""
    assert not offences(LEFTOVERS, ".py", ".js", ".mjs", ".yaml", ".yml", ".md", "Makefile")


def test_class_names_praise_only_where_agreed():
    """Two classes have an adjective in their name, and no other."""
    found = {match.group(1) for _, text in text_files() for match in PRAISE.finditer(text)}

    assert found <= {"ImprovedTokenValidator", "EnhancedWebSocketManager"}


def test_modules_begin_with_a_docstring():
    """Each module says what it owns."""
    silent = [path.relative_to(ROOT).as_posix() for path in app_modules() if not _has_docstring(path)]

    assert not silent


def _has_docstring(path) -> bool:
    body = tree_of(path).body
    return bool(body) and isinstance(getattr(getattr(body[0], "value", None), "value", None), str)


def test_dependencies_are_those_imported():
    """pyproject.toml lists what the gateway imports, and nothing else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # The extra `infra` holds tools that deploy and check from outside; the gateway runs without them.
    extras = {name: extra for name, extra in project["optional-dependencies"].items() if name != "infra"}
    lines = [*project["dependencies"], *(line for extra in extras.values() for line in extra)]
    declared = {re.split(r"[\[<>=~!; ]", line)[0] for line in lines}
    imported = {name.split(".")[0] for path in app_modules() for name in imports_of(path) if not _checks_hosts(path)}
    foreign = imported - sys.stdlib_module_names - {"holdfast", "_typeshed"} - COMES_ALONG

    assert {IMPORTED_AS.get(name, name) for name in declared} == foreign


def _checks_hosts(path: Path) -> bool:
    """Tell whether a module is one of those that pytest loads to check hosts, with what the extra `infra` brings."""
    names = {name.split(".")[0] for name in imports_of(path)}
    return path.parent.name == "verify" and bool(names & {"pytest", "testinfra"})


def test_changelog_knows_the_version():
    """The version is written in one place, and the changelog has a heading for it."""
    changelog = (ROOT / "CHANGELOG.md").read_text()

    assert f"## [{__version__}]" in changelog
