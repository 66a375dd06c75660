"""Where the benchmark finds and keeps its files."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "benchmarks"
NODE_DIR = ROOT / "benchmarks" / "node"
UWEBSOCKETS_VENV = CACHE / "uwebsockets"
