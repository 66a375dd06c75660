"""Tests of scripts/setup.py and scripts/find-python, with interpreters and pip played by stand-ins."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from types import ModuleType

import pytest

from tests.contract.source import ROOT


@pytest.fixture
def setup_script(tmp_path, monkeypatch) -> ModuleType:
    """Load the script for a checkout of its own."""
    spec = importlib.util.spec_from_file_location("setup_under_test", ROOT / "scripts" / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("requirements/dev.txt", "requirements/infra.txt", "pyproject.toml", "app/holdfast/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    venv = tmp_path / ".venv"
    monkeypatch.delenv("PYTHON", raising=False)
    for name, value in {
        "ROOT": tmp_path, "VENV": venv, "VENV_PYTHON": venv / "bin" / "python", "LOCK": tmp_path / ".cache" / "lock",
        "MADE_STAMP": venv / "made", "INSTALLED_STAMP": venv / "installed",
    }.items():  # fmt: skip
        monkeypatch.setattr(module, name, value)
    return module


@pytest.fixture
def steps(setup_script, monkeypatch) -> list[tuple[str, ...]]:
    """Record the steps instead of taking them; `venv` makes an interpreter that runs."""
    taken: list[tuple[str, ...]] = []

    def run(*command: object) -> None:
        taken.append(tuple(str(part) for part in command[1:]))
        if "venv" in taken[-1]:
            setup_script.VENV_PYTHON.parent.mkdir(parents=True)
            setup_script.VENV_PYTHON.symlink_to(sys.executable)

    monkeypatch.setattr(setup_script, "run", run)
    return taken


def test_setup_installs_by_hash_and_then_does_nothing(setup_script, steps):
    """The first run makes everything, the second nothing."""
    assert setup_script.main() == 0
    first = list(steps)
    assert setup_script.main() == 0

    assert steps == first
    assert any("--require-hashes" in step for step in first)
    assert "--no-index" in first[-1]


def test_setup_follows_the_locked_list(setup_script, steps):
    """A changed list is installed into the environment that is there."""
    setup_script.main()
    steps.clear()
    with (setup_script.ROOT / "requirements" / "dev.txt").open("a") as locked:
        locked.write("# another line\n")

    assert setup_script.main() == 0
    assert len(steps) == 2


def test_setup_ignores_settings_of_tools(setup_script, steps):
    """What concerns a linter does not reinstall anything."""
    setup_script.main()
    steps.clear()
    with (setup_script.ROOT / "pyproject.toml").open("a") as project:
        project.write("\n[tool.something]\nelse = 1\n")

    setup_script.main()

    assert not steps


def test_setup_replaces_an_environment_that_does_not_run(setup_script, steps):
    """The interpreter it was made with is gone."""
    setup_script.main()
    steps.clear()
    setup_script.VENV_PYTHON.unlink()

    assert setup_script.main() == 0
    assert "venv" in steps[0]


def test_setup_says_which_step_failed(setup_script, monkeypatch, capsys):
    """Exit 4, the step, and the package that Debian leaves out."""

    def fail(*_: object) -> None:
        raise setup_script.SetupError("this step failed")

    monkeypatch.setattr(setup_script, "run", fail)

    assert setup_script.main() == 4
    assert "-venv" in capsys.readouterr().err


def test_setup_shields_pip_from_the_caller(setup_script, monkeypatch):
    """Somebody else's virtual environment or pip target does not decide where packages go."""
    for name in setup_script.FOREIGN_VARIABLES:
        monkeypatch.setenv(name, "elsewhere")

    environment = setup_script.clean_environment()

    assert not {name for name, value in environment.items() if value == "elsewhere"}
    assert environment["PIP_USER"] == "0"


@pytest.mark.parametrize("named", [{"PYTHON": "python-that-is-not-there"}, {}])
def test_find_python_says_how_to_get_one(tmp_path, named):
    """Without a Python 3.11 or later the answer is clear and the exit code 4."""
    (tmp_path / "cat").symlink_to("/bin/cat")

    done = subprocess.run(
        ["/bin/sh", ROOT / "scripts" / "find-python"],
        env={"PATH": str(tmp_path), **named},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 4
    assert "3.11 or later" in done.stderr
    assert done.stdout == ""


def test_setup_adds_the_tools_for_hosts_once(setup_script, steps):
    """`setup.py infra` installs its list by hash after everything else, and then does nothing."""
    assert setup_script.main(["infra"]) == 0
    first = list(steps)
    assert setup_script.main(["infra"]) == 0

    assert steps == first
    assert first[-1][-1] == "requirements/infra.txt"


def test_setup_without_the_tools_for_hosts_leaves_them_out(setup_script, steps):
    """The plain setup never fetches Ansible."""
    setup_script.main([])

    assert not any("requirements/infra.txt" in step for step in steps)
