"""What the contract tests read: the project's files and the shape of its Python modules."""

from __future__ import annotations

import ast
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "app" / "holdfast"
NOT_OURS = {".git", ".venv", ".cache", "node_modules", "__pycache__", "dist", "build", ".holdfast", ".hypothesis"}


@cache
def project_files() -> tuple[Path, ...]:
    """Return every file that belongs to the project, tracked or about to be."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        paths = [ROOT / name for name in listed.split("\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not NOT_OURS.intersection(path.relative_to(ROOT).parts)]
    return tuple(sorted(path for path in paths if path.is_file()))


def text_files() -> Iterator[tuple[str, str]]:
    """Yield the project path and the text of every file that is text."""
    for path in project_files():
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def app_modules() -> list[Path]:
    """Return the gateway's Python modules."""
    return sorted(APP.rglob("*.py"))


def module_name(path: Path) -> str:
    """Return a module's dotted name, `holdfast.codes` for app/holdfast/codes.py."""
    parts = ["holdfast", *path.relative_to(APP).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports_of(path: Path, *, when_loaded: bool = False) -> set[str]:
    """Return the dotted names a module imports, wherever in it: `from a import b` gives `a.b`.

    With `when_loaded` only those that importing the module runs: none for types alone, none inside functions.
    """
    found: set[str] = set()
    for node in _run_when_loaded(tree_of(path)) if when_loaded else ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(f"{_origin(path, node)}.{alias.name}" for alias in node.names)
    return found


def _run_when_loaded(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _run_when_loaded(child)


def _origin(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module_name(path).split(".")
    keep = len(package) - node.level + (path.name == "__init__.py")
    return ".".join([*package[:keep], *([node.module] if node.module else [])])
