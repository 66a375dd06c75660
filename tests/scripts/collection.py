"""Import the plugins of the Ansible collection as Ansible would; skips loudly where Ansible is not installed."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest

from tests.gateway import ROOT


def plugin(name: str) -> ModuleType:
    """Return a plugin, such as `module_utils.slots`."""
    pytest.importorskip("ansible", reason="Ansible is missing; install it with: make infra")
    folder = str(ROOT / "ansible" / "collections")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(f"ansible_collections.holdfast.gateway.plugins.{name}")
