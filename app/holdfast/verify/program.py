"""The collecting program as one text, for hosts where the package is not installed."""

from __future__ import annotations

import base64
import importlib.util
import json
import shlex
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

# Each behind those that it imports.
MODULES: Final = (
    "holdfast.diagnostics.resources_listeners",
    *(
        f"holdfast.verify.collect.{name}"
        for name in (
            "kernel_values", "sysctl_files", "commands", "namespaces", "declared", "module_files", "processes",
            "instances", "counters", "haproxy", "redis", "host", "document",
        )
    ),
)  # fmt: skip
_START: Final = """\
import sys, types
def make(name, text):
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = []
    exec(compile(text, name, "exec"), module.__dict__)
    parent, _, own = name.rpartition(".")
    setattr(sys.modules[parent], own, module) if parent else None
    return module
for package in ("holdfast", "holdfast.diagnostics", "holdfast.verify", "holdfast.verify.collect"):
    make(package, "")
for name, text in SOURCES.items():
    last = make(name, text)
sys.exit(last.main(sys.argv[1:]))
"""


@cache
def source() -> str:
    """Return the program: Python that takes the request as its only argument."""
    return f"SOURCES = {json.dumps({name: _text(name) for name in MODULES})}\n{_START}"


def _text(name: str) -> str:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise RuntimeError(f"the package lacks {name}")
    return Path(found.origin).read_text(encoding="utf-8")


def packed() -> str:
    """Return the program as one line that needs no quoting beyond its own."""
    data = base64.b64encode(zlib.compress(source().encode(), 9)).decode()
    return f"import base64,zlib;exec(zlib.decompress(base64.b64decode('{data}')).decode())"


def command(request: Mapping[str, Any], python: str = "python3") -> str:
    """Return a shell command that answers a request, as root where sudo allows it without a password."""
    run = f"{python} -c {shlex.quote(packed())} {shlex.quote(json.dumps(request))}"
    return f'$([ "$(id -u)" = 0 ] || echo sudo -n) {run}'
