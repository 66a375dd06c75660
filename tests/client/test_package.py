"""The client as an npm package: packed, installed into a project of its own, and used there."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.parts import ROOT, require

HERE = Path(__file__).parent
COMPILER = HERE / "node_modules" / "typescript" / "bin" / "tsc"
NPM = ("npm", "--offline", "--no-audit", "--no-fund", "--no-update-notifier")

pytestmark = [pytest.mark.timeout(240)]


def run(*command: str | Path, folder: Path) -> str:
    """Run a command that must succeed, and return what it printed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make client-package` makes."""
    require("npm:tests/client")
    target = tmp_path_factory.mktemp("packed")
    said = run(sys.executable, ROOT / "scripts" / "client_package.py", target, folder=ROOT)
    return Path(said.splitlines()[-1])


@pytest.fixture(scope="module")
def project(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has it installed."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(HERE / "package", folder, dirs_exist_ok=True)
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    run(*NPM, "install", archive, folder=folder)
    return folder


def test_archive_has_modules_types_and_papers(archive: Path) -> None:
    """Each module has its types; beside them are package.json, README and LICENSE, and nothing else."""
    with tarfile.open(archive) as packed:
        names = {name.removeprefix("package/") for name in packed.getnames()}
    modules = {name.removesuffix(".js") for name in names if name.endswith(".js")}
    types = {name.removeprefix("types/").removesuffix(".d.ts") for name in names if name.endswith(".d.ts")}

    assert modules == types
    assert {name for name in names if not name.endswith((".js", ".d.ts"))} == {"package.json", "README.md", "LICENSE"}


@pytest.mark.parametrize(("module", "resolution"), [("Node16", "Node16"), ("ESNext", "Bundler")])
def test_typescript_accepts_it(project: Path, module: str, resolution: str) -> None:
    """A strict compiler checks an application against the types, by Node's rules and those of bundlers."""
    run("node", COMPILER, "--project", ".", "--module", module, "--moduleResolution", resolution, folder=project)


def test_node_imports_it(project: Path) -> None:
    """It loads where there is no page."""
    assert run("node", "use.mjs", folder=project) == "disconnected\n"


def test_nothing_is_left_beside_the_modules(archive: Path) -> None:
    """Packing writes into folders of its own."""
    assert archive.is_file()
    assert not [*(ROOT / "app" / "holdfast" / "web").rglob("*.d.ts")]
