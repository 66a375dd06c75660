"""Modules and functions stay small enough to be read in one sitting."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

from tests.contract.source import APP, ROOT, app_modules, tree_of

MODULE_AIM, MODULE_STOP = 300, 400
FUNCTION_AIM, FUNCTION_STOP = 25, 50
PARAMETER_AIM, PARAMETER_STOP = 5, 8
# typer turns each parameter of a command into an option, so a command has as many as it has options.
COMMANDS = APP / "cli"
# Tables: one row a cause, a setting, a metric. They grow by rows and stay as readable as before.
TABLES = {APP / "codes.py", APP / "settings.py"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, Path, Function]]:
    """Yield every function of the gateway with where it is."""
    for path in app_modules():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, Function):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", path, node


def body_lines(node: Function) -> int:
    """Return the lines of a function's body without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def parameters(node: Function) -> int:
    """Return how many parameters a caller sees."""
    arguments = node.args
    named = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in named if name not in {"self", "cls"}])


def judge(found: dict[str, int], aim: int, stop: int) -> None:
    """Fail over the stop; list what is over the aim when SHOW_SIZES=1 asks for it."""
    if os.environ.get("SHOW_SIZES") == "1":
        for name, size in sorted(found.items(), key=lambda item: -item[1]):
            if size > aim:
                print(f"{size:5d} > {aim}  {name}")

    assert not {name: size for name, size in found.items() if size > stop}


def test_modules_stay_under_the_stop():
    """No module has more than 400 lines; the aim is 300 (SHOW_SIZES=1 with -s lists the larger ones)."""
    sizes = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in app_modules() if p not in TABLES}

    judge(sizes, MODULE_AIM, MODULE_STOP)


def test_functions_stay_under_the_stop():
    """No function body has more than 50 lines; the aim is 25."""
    judge({name: body_lines(node) for name, _, node in functions()}, FUNCTION_AIM, FUNCTION_STOP)


def test_parameters_stay_under_the_stop():
    """No function takes more than 8 parameters; the aim is 5, then a dataclass."""
    found = {name: parameters(node) for name, path, node in functions() if COMMANDS not in path.parents}

    judge(found, PARAMETER_AIM, PARAMETER_STOP)
