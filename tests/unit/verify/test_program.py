from __future__ import annotations

import ast
import json
import shlex
import subprocess
import sys

from holdfast.verify import program


def test_program_is_for_old_pythons_and_the_standard_library_alone():
    """Hosts have what their distribution ships: Python 3.9 parses each module, and nothing of ours is behind it."""
    for name in program.MODULES:
        tree = ast.parse(program._text(name), feature_version=(3, 9))
        imported = {
            alias.name if isinstance(node, ast.Import) else node.module or ""
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        strange = {
            one
            for one in imported
            if one.split(".")[0] not in sys.stdlib_module_names and not one.startswith("holdfast.")
        }
        assert not strange, f"{name} imports {strange}"


def test_program_runs_where_the_package_is_not():
    """An interpreter without site packages answers a request with one document."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program.packed(), '{"sysctls": ["net.core.somaxconn", "no.such"]}'],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    found = json.loads(done.stdout)
    assert int(found["sysctls"]["net.core.somaxconn"]) > 0
    assert found["sysctls"]["no.such"] is None
    assert found["host"]["memory_bytes"] > 0


def test_bad_request_is_refused():
    """What is no JSON object is named, with the exit code of bad usage."""
    done = subprocess.run(
        [sys.executable, "-c", program.source(), "[1]"], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 3
    assert "expected one argument" in done.stderr


def test_command_fits_into_one_argument():
    """Linux allows an argument 128 KiB; the program with a request is far below, and quoted for a shell."""
    text = program.command({"sysctls": ["a'b"]})

    assert len(text) < 64 * 1024
    assert json.dumps({"sysctls": ["a'b"]}) in shlex.split(text)
