"""Make the virtual environment `.venv` hold the locked packages and the gateway.

Does nothing when it already does: two stamps inside `.venv` record in which
folder it was made, and which lists were installed. Runs on the standard library
alone, because nothing else is there yet. `setup.py infra` adds what deploying to
hosts needs, with a stamp of its own.
Exit codes: 0 done, 4 could not set up.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
MADE_STAMP = VENV / "holdfast-made.stamp"
INSTALLED_STAMP = VENV / "holdfast-installed.stamp"
INFRA_STAMP = VENV / "holdfast-infra.stamp"
LOCK = ROOT / ".cache" / "setup.lock"
# Variables that would send the packages, or the interpreter, somewhere else.
FOREIGN_VARIABLES = (
    "VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX",
    "PIP_ROOT", "PIP_USER", "PIP_CONSTRAINT", "PIP_REQUIREMENT", "PIP_NO_BINARY",
)  # fmt: skip


class SetupError(Exception):
    """The environment could not be made; the text says what to do."""


def digest(*parts: bytes) -> str:
    """Return one digest over all parts."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def made_in() -> str:
    """Return what the environment itself depends on: its scripts name their interpreter by absolute path."""
    return digest(str(ROOT).encode())


def installed_from() -> str:
    """Return what the installed packages depend on: the locked list and the package's own data."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    relevant = [project["build-system"], project["project"], project["tool"]["hatch"]]
    return digest(
        (ROOT / "requirements" / "dev.txt").read_bytes(),
        (ROOT / "app" / "holdfast" / "__init__.py").read_bytes(),
        repr(relevant).encode(),
    )


def infra_from() -> str:
    """Return what the tools for hosts depend on: their list, and the environment they were added to."""
    return digest((ROOT / "requirements" / "infra.txt").read_bytes(), installed_from().encode(), made_in().encode())


def says(stamp: Path, wanted: str) -> bool:
    """Tell whether a stamp is there and holds what is wanted."""
    return stamp.is_file() and stamp.read_text().strip() == wanted


def venv_fits() -> bool:
    """Tell whether the environment's interpreter starts, and is the one asked for where PYTHON names one."""
    if not VENV_PYTHON.exists():
        return False
    ask = "import sys; print(*sys.version_info[:2])"
    said = subprocess.run([VENV_PYTHON, "-c", ask], capture_output=True, text=True, check=False)
    wanted = "{} {}".format(*sys.version_info[:2])
    return said.returncode == 0 and (not os.environ.get("PYTHON") or said.stdout.strip() == wanted)


def is_current() -> bool:
    """Tell whether nothing is to be done."""
    return says(MADE_STAMP, made_in()) and says(INSTALLED_STAMP, installed_from()) and venv_fits()


@contextmanager
def only_one() -> Iterator[None]:
    """Let one setup at a time work in this checkout; the others wait for it."""
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def clean_environment() -> dict[str, str]:
    """Return the caller's environment without what redirects Python or pip."""
    return {k: v for k, v in os.environ.items() if k not in FOREIGN_VARIABLES} | {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_USER": "0",
    }


def run(*command: str | Path) -> None:
    """Run one step and turn its failure into a SetupError."""
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(), check=False)
    if done.returncode:
        shown = " ".join(str(part) for part in command)
        raise SetupError(f"this step failed with exit code {done.returncode}: {shown}")


def make_venv() -> None:
    """Create an empty `.venv` unless a sound one of this folder is there."""
    if says(MADE_STAMP, made_in()) and venv_fits():
        return
    if VENV.exists():
        shutil.rmtree(VENV)
    try:
        # Not sys.executable: with .venv active that is the very interpreter just removed.
        run(getattr(sys, "_base_executable", sys.executable), "-m", "venv", VENV)
    except SetupError as error:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"{error}\nOn Debian and Ubuntu the venv module is a package of its own:"
            f" apt-get install python{version}-venv"
        ) from error
    MADE_STAMP.write_text(made_in() + "\n")


def install() -> None:
    """Install the locked packages by hash, then the gateway itself as an editable package."""
    pip = [VENV_PYTHON, "-m", "pip", "install", "--quiet", "--no-input"]
    run(*pip, "--require-hashes", "--only-binary", ":all:", "-r", "requirements/dev.txt")
    # The build back end is among the locked packages, so nothing unhashed is fetched here.
    run(*pip, "--no-deps", "--no-build-isolation", "--no-index", "--editable", ROOT)
    INSTALLED_STAMP.write_text(installed_from() + "\n")


def install_infra() -> None:
    """Add ansible-core, testinfra and the linters of ansible/ to the environment."""
    pip = [VENV_PYTHON, "-m", "pip", "install", "--quiet", "--no-input"]
    run(*pip, "--require-hashes", "--only-binary", ":all:", "-r", "requirements/infra.txt")
    INFRA_STAMP.write_text(infra_from() + "\n")


def set_up(*, infra: bool) -> bool:
    """Do what is missing, one process at a time; tell whether anything was."""
    with only_one():
        missing = not is_current()
        if missing:
            print(f"Setting up {VENV} (first time, or the locked packages changed) ...", flush=True)
            make_venv()
            install()
        if infra and not says(INFRA_STAMP, infra_from()):
            print(f"Adding the tools for hosts to {VENV} ...", flush=True)
            install_infra()
            return True
        return missing


def main(arguments: list[str] | None = None) -> int:
    """Bring `.venv` up to date; say so only when something was done."""
    infra = arguments == ["infra"]
    if is_current() and (not infra or says(INFRA_STAMP, infra_from())):
        return 0
    try:
        if not set_up(infra=infra):
            return 0
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 4
    print("Done.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
