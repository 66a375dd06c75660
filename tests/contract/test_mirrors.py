"""Each module has its unit tests, each unit test file its module."""

from __future__ import annotations

import ast

from tests.contract.source import APP, ROOT, app_modules, tree_of

UNIT = ROOT / "tests" / "unit"
# Modules still without unit tests of their own; stays empty.
TOLERATED: frozenset[str] = frozenset()


def has_something_to_test(tree: ast.Module) -> bool:
    """Tell whether a module defines a function or a class."""
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in tree.body)


def mirror(module: str) -> str:
    """Return the test file of `auth/keys.py`: `auth/test_keys.py`."""
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}" if folder else f"test_{name}"


def test_modules_have_unit_tests():
    """tests/unit/auth/test_keys.py is there for app/holdfast/auth/keys.py."""
    modules = {
        path.relative_to(APP).as_posix() for path in app_modules() if has_something_to_test(tree_of(path))
    } - TOLERATED

    missing = sorted(module for module in modules if not (UNIT / mirror(module)).is_file())

    assert not missing


def test_unit_tests_have_modules():
    """No unit test file outlives the module it was written for."""
    wanted = {mirror(path.relative_to(APP).as_posix()) for path in app_modules()}

    orphans = sorted(
        path.relative_to(UNIT).as_posix()
        for path in UNIT.rglob("test_*.py")
        if path.relative_to(UNIT).as_posix() not in wanted
    )

    assert not orphans
